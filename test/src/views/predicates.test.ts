import { formatPosition, job, json, stream, string, topic, tumbling } from '@millrace/core'
import { type Container, startViewServer, type ViewServer } from '@millrace/runtime'
import { asyncProperty, assert as check, constantFrom, integer, option, record } from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld, type TestRecord } from '../runtime/job-world.ts'

const WINDOW = 10
const PARTITIONS = 3
/** Keys that are prefixes of one another, with one to four bytes a character. */
const KEYS = ['', 'a', 'a ', 'ab', 'abc', 'b', 'é', 'éa', 'z', '\u{ffff}', '𝄞', 'k0', 'k1', 'k10', 'k2', 'k3']
const STARTS = Array.from({ length: 8 }, (_, index) => index * WINDOW)

const events = topic('events', { key: string(), value: json<number>() })
const sums = stream(events)
  .groupByKey()
  .window(tumbling(WINDOW, { grace: '365d' }))
  .reduce('sums', (a, b) => a + b)
const theJob = job('predicates', sums)

interface Row {
  readonly key: string
  readonly start: number
  readonly value: number
}

interface Bounds {
  readonly key?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly prefix?: string | undefined
  readonly windowFrom?: number | undefined
  readonly windowTo?: number | undefined
}

let world: JobWorld
let container: Container
let server: ViewServer
/** The value that each row must have, by row and partition. */
let model: Map<string, Row>

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('events', { partitions: PARTITIONS })
  model = new Map()
  container = await world.start(theJob)
  const status = () => ({ job: 'predicates', phase: 'running', atMs: 0, tasks: [], problems: [] }) as const
  server = await startViewServer({ job: 'predicates', views: container.views, status, env: world.env, token: null })
})

afterEach(async () => {
  await server.close()
  await container.stop()
  await world.close()
})

/** Some rows are in two partitions, as producers with different partitioners write them. */
function placesOf(key: number, start: number): readonly number[] {
  if ((key * 5 + start) % 4 === 0) return []
  return (key * 7 + start * 3) % 5 === 0 ? [0, 2] : [key % PARTITIONS]
}

/** Adds to rows, and returns the position after the added records. */
async function add(rows: readonly { key: string; start: number; partition: number }[]): Promise<string> {
  const records = rows.map(({ key, start, partition }, index): TestRecord<number> => {
    return { key, value: 1 + index, timestamp: start + (index % WINDOW), partition }
  })
  for (const [index, { key, start, partition }] of rows.entries()) {
    const name = JSON.stringify([key, start, partition])
    model.set(name, { key, start, value: (model.get(name)?.value ?? 0) + 1 + index })
  }
  await world.produce('events', events.value, records)
  const ends: Record<number, number> = {}
  for (let partition = 0; partition < PARTITIONS; partition++) {
    ends[partition] = (await world.log.admin.offsets('events', partition)).end
  }
  return formatPosition({ events: ends })
}

const allRows = () =>
  KEYS.flatMap((key, k) => STARTS.flatMap((start, s) => placesOf(k, s).map((partition) => ({ key, start, partition }))))

/** The rows that the view must return: those that match, by the bytes of their keys, then by time. */
function expected({ key, from, to, prefix, windowFrom, windowTo }: Bounds): Row[] {
  const bytes = (text: string) => Buffer.from(text)
  return [...model.values()]
    .filter(
      (row) =>
        (key === undefined || row.key === key) &&
        (from === undefined || bytes(row.key).compare(bytes(from)) >= 0) &&
        (to === undefined || bytes(row.key).compare(bytes(to)) < 0) &&
        (prefix === undefined || row.key.startsWith(prefix)) &&
        (windowFrom === undefined || row.start >= windowFrom) &&
        (windowTo === undefined || row.start < windowTo),
    )
    .sort(compareRows)
}

function compareRows(a: Row, b: Row): number {
  return Buffer.from(a.key).compare(Buffer.from(b.key)) || a.start - b.start || a.value - b.value
}

async function page(bounds: Bounds, rest: Record<string, string>): Promise<{ rows: Row[]; next: string | null }> {
  const query = new URLSearchParams(rest)
  for (const [name, value] of Object.entries(bounds)) if (value !== undefined) query.set(name, `${value}`)
  const path = bounds.key === undefined ? 'entries' : 'windows'
  const response = await fetch(`${server.url}/views/sums/${path}?${query}`)
  const text = await response.text()
  expect(response.status, `${query}: ${text}`).toBe(200)
  const { entries, next } = JSON.parse(text) as {
    entries: readonly { key: string; window: { start: number }; value: number }[]
    next: string | null
  }
  return { rows: entries.map(({ key, window, value }) => ({ key, start: window.start, value })), next }
}

/** Reads all pages; `between` is called after each. */
async function pages(bounds: Bounds, limit: number, after: string, between?: () => Promise<string>): Promise<Row[]> {
  const rows: Row[] = []
  let position = after
  let cursor: string | null = null
  do {
    const rest = { limit: `${limit}`, after: position, ...(cursor !== null && { cursor }) }
    const found = await page(bounds, rest)
    rows.push(...found.rows)
    cursor = found.next
    if (between !== undefined) position = await between()
  } while (cursor !== null)
  return rows
}

const maybe = <T>(arbitrary: Parameters<typeof option<T>>[0]) => option(arbitrary, { nil: undefined })
const key = maybe(constantFrom(...KEYS))
const time = maybe(integer({ min: -WINDOW, max: STARTS.length * WINDOW }))
const limits = integer({ min: 1, max: 9 })
const keyRange = record({
  from: key,
  to: key,
  prefix: maybe(constantFrom('', 'a', 'ab', 'é', 'k', 'k1')),
  windowFrom: time,
  windowTo: time,
})

test('whatever bounds meet in one query, its pages have every row that fits, once and in order, and no other', async () => {
  const after = await add(allRows())
  const ofOneKey = record({ key: constantFrom(...KEYS), windowFrom: time, windowTo: time })
  for (const bounds of [keyRange, ofOneKey]) {
    await check(
      asyncProperty(bounds, limits, async (query, limit) => {
        // The order of rows of one key and window in several partitions is not guaranteed.
        const found = await pages(query, limit, after)
        const inOrder = found.map(({ key, start }) => ({ key, start }))
        expect(inOrder).toEqual(expected(query).map(({ key, start }) => ({ key, start })))
        expect(found.sort(compareRows)).toEqual(expected(query))
      }),
      { numRuns: 60 },
    )
  }
})

test('a row that fits is on one page, also if rows before and behind it come and change between the pages', async () => {
  // The position of everything that was added, also by the query before.
  let added = await add(allRows())
  await check(
    asyncProperty(keyRange, limits, async (query, limit) => {
      const stays = expected(query).map(({ key, start }) => JSON.stringify([key, start]))
      let round = 0
      const between = async () => {
        const at = KEYS[(round * 7) % KEYS.length] ?? ''
        // A new key next to an existing one, and one more record for an existing row.
        const fresh = { key: `${at}~${round}`, start: 0, partition: round % PARTITIONS }
        added = await add([fresh, { key: at, start: STARTS[round++ % STARTS.length] ?? 0, partition: 0 }])
        return added
      }
      const found = (await pages(query, limit, added, between)).map(({ key, start }) => JSON.stringify([key, start]))
      const count = (rows: readonly string[], row: string) => rows.filter((each) => each === row).length
      for (const row of new Set(stays)) {
        // A row that was in one partition may by now be in another too.
        expect(count(found, row), row).toBeGreaterThanOrEqual(count(stays, row))
        const there = [...model.values()].filter(({ key, start }) => JSON.stringify([key, start]) === row)
        expect(count(found, row), row).toBeLessThanOrEqual(there.length)
      }
    }),
    { numRuns: 15 },
  )
})
