import { createHash } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { artefactProcess, ProjectFolder } from './testing/project-folder.ts'

const FLIGHTS_JOB = fileURLToPath(new URL('../../../../jobs/flights/src/job.ts', import.meta.url))

const CRASH_JOB = fileURLToPath(new URL('../../../../test/src/crash/crash-job.ts', import.meta.url))
const ORDERS_JOB = fileURLToPath(new URL('../../../testing/src/world/orders-job.ts', import.meta.url))

/** A job, and a function that a test calls. */
const jobWith = (before: string, value: string) => `import { int32, job, stream, string, topic } from '@millrace/core'
${before}
const numbers = topic('numbers', { key: string(), value: int32() })
export default job('summing', stream(numbers).groupByKey().reduce('sums', (a, b) => a + b))
export const value = async () => ${value}
`

describe('a job loaded from its artefact has the description and the results of the job loaded from its file:', () => {
  test('flights', { timeout: 60_000 }, async () => {
    const project = new ProjectFolder()
    const records = [0, 1_800_000, 3_600_000, 90_000_000].map((date, index) => {
      const origin = index === 1 ? 'JFK' : 'ATL'
      const value = { date, delay: index * 7 - 5, distance: 100, origin, destination: 'LAX' }
      return { topic: 'flights', key: origin, value, timestamp: date }
    })
    const results = await artefactProcess({ bundle: FLIGHTS_JOB, data: project.data, load: 'last', records })
    expect(results.manifest).toMatchObject({ job: 'flights', source: 'src/job.ts', externals: [] })
    expect(results.description).toEqual(results.manifest?.description)
    expect(results.ofFile?.length).toBeGreaterThan(records.length + 8)
    expect(results.ofArtefact).toEqual(results.ofFile)
  })

  test.each([
    ['crash', CRASH_JOB, 'crashJob'],
    ['orders', ORDERS_JOB, 'ordersJob'],
  ])('%s', { timeout: 60_000 }, async (name, file, exported) => {
    const project = new ProjectFolder({
      'job.ts': `export { ${exported} as default } from './jobs/plan.ts'`,
      'jobs/plan.ts': readFileSync(file, 'utf8'),
    })
    const records = [3, 1, 4, 1, 5].map((amount, id) => {
      const value = { id, number: id, customer: `c${amount}`, product: `p${amount % 2}`, amount, cents: amount }
      return { topic: 'orders', key: `${id % 2}`, value, timestamp: id * 400 }
    })
    const { manifest, description, ofFile, ofArtefact } = await project.run({ records })
    expect(manifest).toMatchObject({ job: name, externals: [] })
    expect(description).toEqual(manifest?.description)
    expect(ofFile?.length).toBeGreaterThan(records.length * 3)
    expect(ofArtefact).toEqual(ofFile)
  })

  test('a sum with a step of RxJS, another file, and a version', { timeout: 60_000 }, async () => {
    const project = new ProjectFolder({
      'job.ts': `import { int32, job, stream, string, topic } from '@millrace/core'
        import { filter } from 'rxjs'
        import { add } from './lib/add.ts'
        const numbers = stream(topic('numbers', { key: string(), value: int32() }))
        const odd = numbers.pipe(filter((value) => value % 2 === 1))
        export default job('odd', numbers.groupByKey().reduce('sums', add), odd.to(topic('odd', { key: string(), value: int32() }))).withVersion(3)`,
      'lib/add.ts': 'export const add = (a: number, b: number): number => a + b',
    })
    symlinkSync(
      fileURLToPath(new URL('../../../../node_modules/rxjs', import.meta.url)),
      join(project.path, 'node_modules/rxjs'),
    )
    const records = [1, 2, 3, 4].map((value) => ({ topic: 'numbers', key: 'k', value, timestamp: value }))
    const { manifest, ofFile, ofArtefact } = await project.run({ records })
    expect(manifest).toMatchObject({ job: 'odd.version-3', externals: [] })
    expect(ofFile?.filter((record) => JSON.stringify(record).startsWith('["odd",'))).toHaveLength(2)
    expect(ofArtefact).toEqual(ofFile)
  })
})

describe('an artefact has', () => {
  test('local files, JSON, a dynamic import and top-level await', async () => {
    const project = new ProjectFolder({
      'job.ts': jobWith(
        `import names from './names.json' with { type: 'json' }
         import { one } from './lib/one.ts'
         const two = await Promise.resolve(2)`,
        `[names, one, two, (await import('./lib/three.ts')).three]`,
      ),
      'names.json': '{ "a": "b" }',
      'lib/one.ts': 'export const one: number = 1',
      'lib/three.ts': 'const three = await Promise.resolve(3)\nexport { three }',
    })
    const { returned, manifest } = await project.run({ call: 'value' })
    expect(returned).toEqual([{ a: 'b' }, 1, 2, 3])
    expect(manifest?.externals).toEqual([])
  })

  test('packages in plain JavaScript, as ES modules and as CommonJS, with what they need', async () => {
    const project = new ProjectFolder({
      'job.ts': jobWith(
        "import { twice } from 'esm-package'\nimport common, { named } from 'cjs-package'",
        '[twice(21), common, named]',
      ),
    })
    project.install(
      'esm-package',
      { type: 'module', exports: './index.js' },
      {
        'index.js': "export * from './twice.js'",
        'twice.js': "import { two } from 'inner'\nexport const twice = (n) => n * two",
      },
    )
    project.install(
      'inner',
      { type: 'module', exports: { import: './index.js', browser: './browser.js' } },
      { 'index.js': 'export const two = 2' },
    )
    // Node makes all of `module.exports` the default export, whatever the marker of a compiler says.
    project.install(
      'cjs-package',
      {},
      {
        'index.js':
          "exports.__esModule = true\nexports.default = 'no'\nexports.named = typeof require('node:fs').readFileSync\ntry { require('not-installed') } catch (error) { exports.missing = error.code }",
      },
    )
    const { returned, manifest, code } = await project.run({ call: 'value' })
    expect(returned).toEqual([
      42,
      { __esModule: true, default: 'no', named: 'function', missing: 'MODULE_NOT_FOUND' },
      'function',
    ])
    expect(manifest?.externals).toEqual([])
    expect(code).toContain('// node_modules/esm-package/twice.js')
  })

  test('CommonJS imported as Node does it also if no package.json states the kind of the job file', async () => {
    const project = new ProjectFolder({
      'job.ts': jobWith("import common from 'cjs-package'", 'common'),
      'package.json': '{}',
    })
    project.install('cjs-package', {}, { 'index.js': 'exports.__esModule = true\nexports.default = 1' })
    expect((await project.run({ call: 'value' })).returned).toEqual({ __esModule: true, default: 1 })
  })

  test('the data files beside the source that it names, and reads its copy of them', async () => {
    const project = new ProjectFolder({
      'job.ts': jobWith("import { zones } from './lib/zones.ts'", 'zones()'),
      'lib/zones.ts':
        "import { readFileSync } from 'node:fs'\nexport const zones = () => readFileSync(new URL('../zones.csv', import.meta.url), 'utf8')",
      'zones.csv': 'a,1\n',
    })
    const { id = '' } = await project.run()
    project.write('zones.csv', 'b,2\n')
    const again = await artefactProcess({ data: project.data, load: id, call: 'value' })
    expect(again.returned).toBe('a,1\n')
  })

  test('the code of a linked package, and its data files, as those of the project', async () => {
    const project = new ProjectFolder({ 'project/package.json': '{ "type": "module" }' })
    project.write('project/job.ts', jobWith("import { zones } from '@team/zones'", 'zones()'))
    project.write('zones/package.json', '{ "name": "@team/zones", "type": "module", "exports": "./src/index.ts" }')
    project.write('zones/zones.csv', 'a,1\n')
    project.write(
      'zones/src/index.ts',
      "import { readFileSync } from 'node:fs'\nexport const zones = (): string => readFileSync(new URL('../zones.csv', import.meta.url), 'utf8')",
    )
    mkdirSync(join(project.path, 'node_modules/@team'))
    symlinkSync(join(project.path, 'zones'), join(project.path, 'node_modules/@team/zones'))
    const { manifest, map = '', returned } = await project.run({ bundle: 'project/job.ts', call: 'value' })
    expect(returned).toBe('a,1\n')
    expect(manifest?.externals).toEqual([])
    expect(JSON.parse(map).sources).toContain('node_modules/@team/zones/src/index.ts')
    project.write('zones/src/index.ts', 'export const zones = (): string => import.meta.dirname')
    expect((await project.run({ bundle: 'project/job.ts' })).error).toMatchObject({
      code: 'JOB_BUNDLE_FAILED',
      message: expect.stringMatching(/\.\.\/zones\/src\/index\.ts:1: The code reads its own place/),
    })
  })

  test('no tsconfig.json applied, which Node does not read either', async () => {
    const project = new ProjectFolder({
      'job.ts': jobWith("import { word } from 'words'", 'word'),
      'tsconfig.json': '{ "compilerOptions": { "paths": { "words": ["./other.ts"] } } }',
      'other.ts': "export const word = 'of the paths'",
    })
    project.install(
      'words',
      { type: 'module', exports: './index.js' },
      { 'index.js': "export const word = 'of the package'" },
    )
    expect((await project.run({ call: 'value' })).returned).toBe('of the package')
  })
})

describe('a package stays outside, and is listed and loaded from where it is installed, if it', () => {
  test.each([
    ['has native code', { gypfile: true }, {}, /"gypfile"/],
    ['has a binary file', {}, { 'addon.node': '' }, /addon\.node/],
    ['depends on a loader of native code', { dependencies: { 'node-gyp-build': '4.0.0' } }, {}, /node-gyp-build/],
    [
      'reads its own place',
      {},
      {
        'index.js':
          "const { join } = require('node:path')\nexports.word = require('node:fs').readFileSync(join(__dirname, 'word.txt'), 'utf8')",
        'word.txt': 'outside',
      },
      /index\.js:2: The code reads its own place/,
    ],
    [
      'requires what is known only when it runs',
      {},
      { 'index.js': "exports.word = require(['.', 'word.js'].join('/'))", 'word.js': "module.exports = 'outside'" },
      /index\.js:1: This call to "require" will not be bundled/,
    ],
    [
      'requires one of several files when it runs',
      {},
      {
        'index.js': "try { exports.word = require('./words/' + ['a'][0] + '.js') } catch {}",
        'words/a.js': "module.exports = 'outside'",
      },
      /index\.js:1: Could not resolve require\(/,
    ],
    [
      'imports what is not installed, and is not loaded',
      {},
      { 'index.js': "exports.word = 'outside'\nexports.later = () => require('not-installed')" },
      /index\.js:2: Could not resolve "not-installed"/,
    ],
  ])('%s', async (_what, manifest, files, reason) => {
    const project = new ProjectFolder({ 'job.ts': jobWith("import { word } from '@scope/outside/index.js'", 'word') })
    project.install('@scope/outside', manifest, { 'index.js': "exports.word = 'outside'", ...files })
    const { returned, manifest: { externals = [] } = {} } = await project.run({ call: 'value' })
    expect(externals).toEqual([
      { name: '@scope/outside', version: '1.0.0', from: project.path, reason: expect.stringMatching(reason) },
    ])
    expect(returned).toBe('outside')
  })

  test('is needed by a package that is bundled, in another version than the job needs', async () => {
    const project = new ProjectFolder({
      'job.ts': jobWith("import { word } from 'native'\nimport { inner } from 'bundled'", '[word, inner]'),
    })
    project.install('native', { gypfile: true }, { 'index.js': 'exports.word = 1' })
    project.install('bundled', {}, { 'index.js': "exports.inner = require('native').word" })
    project.install(
      'bundled/node_modules/native',
      { name: 'native', version: '2.0.0', gypfile: true },
      { 'index.js': 'exports.word = 2' },
    )
    const { returned, manifest: { externals = [] } = {} } = await project.run({ call: 'value' })
    expect(returned).toEqual([1, 2])
    expect(externals.map(({ name, version, from }) => [name, version, from])).toEqual([
      ['native', '1.0.0', project.path],
      ['native', '2.0.0', join(project.path, 'node_modules/bundled')],
    ])
  })
})

describe('a job file is refused', () => {
  test.each([
    ['that is missing', undefined, 'FILE_MISSING', /job\.ts does not exist/],
    [
      'with a type error',
      jobWith("const wrong: number = 'text'", 'wrong'),
      'JOB_FILE_BROKEN',
      /does not pass the type check.*TS2322/s,
    ],
    ['that cannot be loaded', jobWith("import './nothing.ts'", '1'), 'JOB_FILE_BROKEN', /Cannot find module/],
    ['without a default export', 'export const a = 1', 'JOB_FILE_BROKEN', /no default export/],
    ['that does not export a job', 'export default 1', 'JOB_FILE_BROKEN', /not a job \(number\)/],
    [
      'that reads its own place',
      jobWith('', 'import.meta.dirname'),
      'JOB_BUNDLE_FAILED',
      /job\.ts:5: The code reads its own place.*new URL\(/s,
    ],
    [
      'that names a data file that is missing',
      jobWith('', "new URL('./none.csv', import.meta.url)"),
      'JOB_BUNDLE_FAILED',
      /job\.ts:5: The code reads/,
    ],
    [
      'that imports what is known only when it runs',
      jobWith('const name: string = "./a.ts"', 'import(name)'),
      'JOB_BUNDLE_FAILED',
      /job\.ts:5: This "import" expression will not be bundled/,
    ],
    [
      'that imports one of several files when it runs',
      jobWith("const name: string = 'job'", 'import(`./$'.concat('{name}.ts`)')),
      'JOB_BUNDLE_FAILED',
      /job\.ts:5: Could not resolve import\(/,
    ],
  ])('%s', { timeout: 60_000 }, async (_what, content, code, message) => {
    const project = new ProjectFolder(content === undefined ? {} : { 'job.ts': content })
    symlinkSync(
      fileURLToPath(new URL('../../../../node_modules/@types', import.meta.url)),
      join(project.path, 'node_modules/@types'),
    )
    const { error } = await project.run({ check: code === 'JOB_FILE_BROKEN' })
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('that imports a file of a package with native code by its path', async () => {
    const project = new ProjectFolder({
      'job.ts': jobWith("import { word } from './node_modules/native/index.js'", 'word'),
    })
    project.install('native', { gypfile: true }, { 'index.js': 'exports.word = 1' })
    expect((await project.run()).error).toMatchObject({
      code: 'JOB_BUNDLE_FAILED',
      message: expect.stringMatching(
        /job\.ts: The import of .* package native, which cannot be bundled: "gypfile".*Import it by its name/,
      ),
    })
  })

  test('with a list of the first ten places that cannot be bundled', async () => {
    const project = new ProjectFolder({
      'job.ts': jobWith('const name: string = "./a.ts"', `[${'import(name), '.repeat(12)}]`),
    })
    const { error } = await project.run()
    expect(error?.message.match(/^ {2}job\.ts:/gm)).toHaveLength(10)
    expect(error?.message).toMatch(/\n {2}and 2 more$/)
  })
})

test('the same sources give the same artefact in every directory, and nothing in it names the directory', async () => {
  const files = {
    'src/job.ts': jobWith(
      "import { deep } from './deep/deep.ts'\nimport { word } from 'linked'\nimport common from 'cjs-package'",
      '[deep, word, common]',
    ),
    'src/deep/deep.ts': 'export const deep = 1',
  }
  const [one, other] = [new ProjectFolder(files), new ProjectFolder(files)]
  for (const project of [one, other]) {
    project.install('cjs-package', {}, { 'index.js': 'module.exports = 1' })
    // A package manager may keep packages in a store far from the project.
    const store = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-store-')))
    onTestFinished(() => rmSync(store, { recursive: true }))
    writeFileSync(
      join(store, 'package.json'),
      '{ "name": "linked", "version": "1.0.0", "type": "module", "exports": "./index.js" }',
    )
    writeFileSync(join(store, 'index.js'), "export const word = 'linked'")
    symlinkSync(store, join(project.path, 'node_modules/linked'))
  }
  const results = await Promise.all([one, other].map((project) => project.run({ bundle: 'src/job.ts' })))
  expect(results[0]?.code).toBe(results[1]?.code)
  expect(results[0]?.id).toBe(results[1]?.id)
  expect(JSON.stringify(results)).not.toContain(tmpdir())
  expect(JSON.parse(results[0]?.map ?? '').sources.sort()).toEqual([
    'node_modules/cjs-package/index.js',
    'node_modules/linked/index.js',
    'src/deep/deep.ts',
    'src/job.ts',
  ])
})

test('processes that write the same artefact at once leave one whole artefact', { timeout: 60_000 }, async () => {
  const project = new ProjectFolder({ 'job.ts': jobWith('', '1') })
  const results = await Promise.all(Array.from({ length: 4 }, () => project.run()))
  const [{ id, manifest } = {}] = results
  expect(results.map((each) => each.id)).toEqual(Array(4).fill(id))
  expect(results.map((each) => each.description?.job)).toEqual(Array(4).fill('summing'))
  expect(readdirSync(join(project.data, 'node/artefacts')).sort()).toEqual([id, 'lock'])
  const text = readFileSync(join(project.data, 'node/artefacts', id ?? '', 'artefact.json'))
  expect(createHash('sha256').update(text).digest('hex')).toBe(id)
  expect(JSON.parse(text.toString())).toEqual(manifest)
})
