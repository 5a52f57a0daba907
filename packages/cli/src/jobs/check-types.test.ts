import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { checkTypes } from './check-types.ts'

const NODE_MODULES = fileURLToPath(new URL('../../../../node_modules', import.meta.url))

/** One mistake a line, after a few correct lines. */
const MISTAKES: readonly (readonly [code: string, marked: string, output: RegExp])[] = [
  ['stream(flights).to(others)', 'others', /Type 'string' is not assignable to type 'number'/],
  ['stream(flights).to(delays)', 'delays', /'delay' is missing in type 'Flight'|Property 'minutes' is missing/],
  [
    'stream(flights).to((flight) => flight.delay)',
    '(flight) => flight.delay',
    /'number' is not assignable to type 'string'/,
  ],
  [
    "stream(flights).to('late')",
    "'late'",
    /'string' is not assignable to parameter of type 'SinkTopic<string, Flight>/,
  ],
  ['stream(flights).filter((flight) => flight.late)', 'late', /'late' does not exist on type 'Flight'/],
  [
    'stream(flights).filter((flight) => flight.origin)',
    'flight.origin',
    /'string' is not assignable to type 'boolean'/,
  ],
  ['stream(flights).filterNot((flight) => flight.late)', 'late', /'late' does not exist on type 'Flight'/],
  ["topic('a', { key: string(), vale: json() })", 'vale', /'vale' does not exist.*Did you mean to write 'value'/],
  ["topic('b', { key: 'text', value: json() })", 'key', /'string' is not assignable to type 'Serde</],
  ['stream(lines).groupByKey()', 'stream(lines)', /These records may have no key. Choose one with groupBy or keyBy/],
  ["table(lines, 'last')", 'lines', /These records may have no key. Choose one with groupBy or keyBy/],
  [
    "stream(flights).groupByKey().aggregate('d', sum((flight) => flight.origin))",
    'flight.origin',
    /'string' is not assignable to type 'number'/,
  ],
  [
    "stream(flights).groupByKey().aggregate('e', { minutes: sum() })",
    'sum()',
    /The values are not numbers. Take a number from each, as in sum\(\(value\) => value.price\)/,
  ],
  [
    "stream(flights).groupByKey().aggregate('f', max())",
    'max()',
    /The values are neither numbers nor strings. Take one from each, as in max/,
  ],
  ["job('c', stream(flights))", 'stream(flights)', /not assignable to parameter of type 'Output \| Table/],
]

const BEFORE = `import { int32, job, json, max, stream, string, sum, table, topic } from '@millrace/core'
interface Flight { readonly origin: string; readonly delay: number }
const flights = topic('flights', { key: string(), value: json<Flight>() })
const others = topic('others', { key: int32(), value: json<Flight>() })
const delays = topic('delays', { key: string(), value: json<{ readonly minutes: number }>() })
const lines = topic('lines', { value: string() })
`

/** Checks a job file where the packages and some files are; returns what the check throws, without the folder's name. */
async function checked(
  content: string,
  files: Readonly<Record<string, string>> = {},
  name = 'job.ts',
): Promise<string> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-types-')))
  try {
    symlinkSync(NODE_MODULES, join(folder, 'node_modules'))
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
    writeFileSync(path, content)
    await checkTypes(path).catch((error: Error) => {
      throw new Error(error.message.replaceAll(folder, '<folder>'))
    })
    return ''
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe('a mistake in a job is reported at its place, with what does not fit', () => {
  let message = ''

  beforeAll(async () => {
    message = await checked(BEFORE + MISTAKES.map(([code]) => `${code}\n`).join(''))
  })

  test.each(MISTAKES)('%s', (code, marked, output) => {
    const line = BEFORE.split('\n').length + MISTAKES.findIndex((mistake) => mistake[0] === code)
    const column = code.lastIndexOf(marked) + 1
    const sections = message.split(/^ {2}(?=job\.ts:)/m)
    const section = sections.find((text) => text.startsWith(`job.ts:${line}:`)) ?? message
    expect(section).toMatch(new RegExp(`^job\\.ts:${line}:${column} - error TS`))
    expect(section).toMatch(output)
    expect(section).toContain(`${line} ${code}\n`)
    expect(section).toMatch(/^ +~+$/m)
  })

  test('and no second mistake is reported because of it', async () => {
    const wrong = "topic('d', { key: string(), value: json<Flight>(), timestamp: (flight) => flight.origin })"
    const output = await checked(`${BEFORE}stream(${wrong}).groupByKey().count('e')\n`)
    expect(output).toContain("Type 'string' is not assignable to type 'number'")
    expect(output.match(/- error TS/g)).toHaveLength(1)
  })

  test('and with nothing else around it', () => {
    expect(message).toMatch(/job\.ts does not pass the type check:\n\n {2}job\.ts:/)
    expect(message).toMatch(/~\n\nCorrect it, or skip the check with --no-check$/)
    expect(message).not.toContain('\u001b')
  })
})

const RIGHT = `${BEFORE}export default job('d', stream(flights).to(topic('out', flights)))\n`

test('a job without a mistake passes', async () => {
  expect(await checked(RIGHT)).toBe('')
})

describe('settings that the compiler does not accept are named in the file of the user, with what to do', () => {
  const settings = JSON.stringify({ compilerOptions: { moduleResolution: 'node', target: 'es5', baseUrl: '.' } })

  test.each([
    ['beside the job', 'job.ts', 'tsconfig.json'],
    ['above the job', 'jobs/job.ts', 'tsconfig.json'],
  ])('in a tsconfig.json %s', async (_where, job, file) => {
    const message = await checked(RIGHT, { [file]: settings }, job)
    const sentences = message.match(/^ {2}\S.*$/gm)
    expect(sentences?.toSorted()).toEqual([
      expect.stringMatching(/^ {2}<folder>\/tsconfig\.json - error TS5102: Option 'baseUrl' has been removed\./),
      expect.stringMatching(
        /^ {2}<folder>\/tsconfig\.json - error TS5108: Option 'moduleResolution=node10' has been removed\./,
      ),
      expect.stringMatching(/^ {2}<folder>\/tsconfig\.json - error TS5108: Option 'target=ES5' has been removed\./),
    ])
    expect(message).toMatch(
      /TypeScript \d+\.\d+\.\d+, .* Change them in <folder>\/tsconfig\.json, .*or skip the check with --no-check$/s,
    )
    expect(message).not.toMatch(/millrace-check-|compilerOptions/)
  })

  test('and a mistake in the tsconfig.json itself with its line', async () => {
    const message = await checked(RIGHT, { 'tsconfig.json': '{ "compilerOptions": { "strickt": true } }' })
    expect(message).toMatch(/ {2}tsconfig\.json:1:24 - error TS5023: .*\n {2}1 \{ "compilerOptions"/s)
    expect(message).toContain('Change them in <folder>/tsconfig.json')
  })
})

describe('a job file is a module for the check if it is one for Node', () => {
  const awaiting = `const value = await Promise.resolve(1)\n${RIGHT}console.log(value)\n`

  test.each([
    ['no package.json', {}],
    ['a package.json without a type', { 'package.json': '{ "name": "a" }' }],
    ['a package.json of modules', { 'package.json': '{ "type": "module" }' }],
  ])('with %s', async (_what, files) => {
    expect(await checked(awaiting, files)).toBe('')
  })

  test('and not with a package.json of CommonJS, which the message names', async () => {
    expect(await checked(awaiting, { 'package.json': '{ "type": "commonjs" }' })).toMatch(
      /TS1309.*npm pkg set type=module/s,
    )
  })
})

test('settings about what a build writes do not stop the check', async () => {
  const options = {
    composite: true,
    declaration: true,
    declarationDir: 'types',
    declarationMap: true,
    isolatedDeclarations: true,
  }
  expect(await checked(RIGHT, { 'tsconfig.json': JSON.stringify({ compilerOptions: options }) })).toBe('')
})

test.each([
  ['an enum', 'enum Kind { early, late }', {}, /TS1294.*Node runs TypeScript by removing the types.*"as const"/s],
  [
    'an import without its extension',
    "import { a } from './a'",
    { 'a.ts': 'export const a = 1', 'package.json': '{ "type": "module" }' },
    /TS2835.*Node needs the exact name of a file.*'\.\/types\.ts'/s,
  ],
])('%s is refused as Node refuses it, with what to write instead', async (_what, line, files, output) => {
  expect(await checked(`${line}\n${RIGHT}`, files)).toMatch(output)
})

test('a folder for temporary files that is not there is named', async () => {
  vi.stubEnv('TMPDIR', '/nowhere/at-all')
  onTestFinished(() => void vi.unstubAllEnvs())
  await expect(checkTypes('/nowhere/job.ts')).rejects.toMatchObject({
    code: 'SYSTEM_CALL_FAILED',
    message: expect.stringMatching(/\/nowhere\/at-all.*TMPDIR.*--no-check/),
  })
})
