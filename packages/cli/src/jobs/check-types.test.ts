import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { checkTypes } from './check-types.ts'

const NODE_MODULES = fileURLToPath(new URL('../../../../node_modules', import.meta.url))

/** One mistake a line, behind a few lines of what is right. */
const MISTAKES: readonly (readonly [code: string, marked: string, said: RegExp])[] = [
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
  ['stream(lines).groupByKey()', 'stream(lines)', /these records may have no key: choose one with groupBy or keyBy/],
  ["table(lines, 'last')", 'lines', /these records may have no key: choose one with groupBy or keyBy/],
  ["job('c', stream(flights))", 'stream(flights)', /not assignable to parameter of type 'Output \| Table/],
]

const BEFORE = `import { int32, job, json, stream, string, table, topic } from '@millrace/core'
interface Flight { readonly origin: string; readonly delay: number }
const flights = topic('flights', { key: string(), value: json<Flight>() })
const others = topic('others', { key: int32(), value: json<Flight>() })
const delays = topic('delays', { key: string(), value: json<{ readonly minutes: number }>() })
const lines = topic('lines', { value: string() })
`

/** Checks a job file where the packages are installed; returns what the check throws. */
async function checked(content: string): Promise<string> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-types-')))
  try {
    symlinkSync(NODE_MODULES, join(folder, 'node_modules'))
    const path = join(folder, 'job.ts')
    writeFileSync(path, content)
    await checkTypes(path)
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

  test.each(MISTAKES)('%s', (code, marked, said) => {
    const line = BEFORE.split('\n').length + MISTAKES.findIndex((mistake) => mistake[0] === code)
    const column = code.lastIndexOf(marked) + 1
    const sections = message.split(/^ {2}(?=job\.ts:)/m)
    const section = sections.find((text) => text.startsWith(`job.ts:${line}:`)) ?? message
    expect(section).toMatch(new RegExp(`^job\\.ts:${line}:${column} - error TS`))
    expect(section).toMatch(said)
    expect(section).toContain(`${line} ${code}\n`)
    expect(section).toMatch(/^ +~+$/m)
  })

  test('and leads to no other one behind it', async () => {
    const wrong = "topic('d', { key: string(), value: json<Flight>(), timestamp: (flight) => flight.origin })"
    const said = await checked(`${BEFORE}stream(${wrong}).groupByKey().count('e')\n`)
    expect(said).toContain("Type 'string' is not assignable to type 'number'")
    expect(said.match(/- error TS/g)).toHaveLength(1)
  })

  test('and with nothing else around it', () => {
    expect(message).toMatch(/job\.ts does not pass the type check:\n\n {2}job\.ts:/)
    expect(message).toMatch(/~\n\nCorrect it, or skip the check with --no-check$/)
    expect(message).not.toContain('\u001b')
  })
})

test('a job without a mistake passes', async () => {
  expect(await checked(`${BEFORE}export default job('d', stream(flights).to(topic('out', flights)))\n`)).toBe('')
})
