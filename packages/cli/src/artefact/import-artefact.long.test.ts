import { appendFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { artefactProcess, ProjectFolder } from './testing/project-folder.ts'

const JOB = `import { int32, job, stream, string, topic } from '@millrace/core'
import { word } from 'outside'

interface Wide {
  readonly a: number
}

export function boom(): Wide {
  throw new Error(\`boom \${word}\`)
}
export default job('plain', stream(topic('numbers', { key: string(), value: int32() })).toTable('last'))
`

async function deployed(after = ''): Promise<{ readonly project: ProjectFolder; readonly id: string }> {
  const project = new ProjectFolder({ 'src/job.ts': `${JOB}${after}`, 'src/job.ts.txt': '' })
  project.install('outside', { gypfile: true }, { 'index.js': "exports.word = 'outside'" })
  const { id = '' } = await project.run({ bundle: 'src/job.ts' })
  return { project, id }
}

test.each([
  ['', ''],
  [', also beside a data file', "export const data = () => new URL('./job.ts.txt', import.meta.url)\n"],
])('a stack trace of a running artefact names the file and the line of the source%s', async (_what, after) => {
  const { project, id } = await deployed(after)
  const { returned } = await artefactProcess({ data: project.data, load: id, call: 'boom' })
  expect(returned).toMatch(/^Error: boom outside\n +at Module\.boom \(.*\/src\/job\.ts:9:9\)\n/)
})

test('an error while an artefact is loaded names the file and the line of the source', async () => {
  const project = new ProjectFolder({
    'src/job.ts': `interface Wide {\n  readonly a: number\n}\n\nif (process.env['BROKEN'] !== undefined) throw new Error('not today')\n${JOB.replace("import { word } from 'outside'", "const word = ''")}`,
  })
  const { id = '' } = await project.run({ bundle: 'src/job.ts' })
  vi.stubEnv('BROKEN', 'yes')
  const { error } = await project.load(id)
  expect(error?.code).toBe('JOB_FILE_BROKEN')
  expect(error?.message).toMatch(/cannot be loaded: Error: not today \(at .*\/src\/job\.ts:5:\d+\)/)
})

test.each([
  [
    'is not installed',
    (project: ProjectFolder) => rmSync(join(project.path, 'node_modules/outside'), { recursive: true }),
    /outside 1\.0\.0 from .*, and it is not installed there\. Install/,
  ],
  [
    'has another version',
    (project: ProjectFolder) => project.install('outside', { version: '1.0.1' }, {}),
    /outside 1\.0\.0 from .*, and version 1\.0\.1 is installed there\. Install/,
  ],
])('an artefact is refused if a package that it needs %s', async (_what, change, message) => {
  const { project, id } = await deployed()
  change(project)
  const { error } = await project.load(id)
  expect(error).toMatchObject({ code: 'PACKAGE_MISSING', message: expect.stringMatching(message) })
  expect(error?.message).toContain(project.path)
})

test('a package near the data directory is not taken for one that the job had not installed', async () => {
  const project = new ProjectFolder({
    'project/package.json': '{ "type": "module" }',
    'project/job.ts': JOB.replace('import { word }', 'import { found as word }').replace(
      /throw .*/,
      'return { a: word }',
    ),
  })
  mkdirSync(join(project.path, 'project/node_modules'), { recursive: true })
  project.write('project/node_modules/outside/package.json', '{ "name": "outside", "version": "1.0.0" }')
  project.write(
    'project/node_modules/outside/index.js',
    "exports.found = 'none'\ntry { exports.found = require('near') } catch {}",
  )
  const { id = '' } = await project.run({ bundle: 'project/job.ts' })
  project.install('near', {}, { 'index.js': "module.exports = 'near'" })
  const { returned } = await artefactProcess({ data: project.data, load: id, call: 'boom' })
  expect(returned).toEqual({ a: 'none' })
})

test('code with a changed byte is not run', async () => {
  const { project, id } = await deployed()
  appendFileSync(join(project.data, 'node/artefacts', id, 'job.mjs'), ' ')
  expect((await project.load(id)).error).toMatchObject({ code: 'ARTEFACT_DAMAGED' })
})
