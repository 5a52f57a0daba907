import { type Job, job, json, type Sequence, sequence, stream, string, topic } from '@millrace/core'
import { partitionOf } from '@millrace/core/internal'
import { openTestDriver, type TestDriver } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { trials } from '../crash/extent.ts'
import { judged } from './two-sides.ts'

/** The number of random sequences. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(60))

interface Event {
  readonly kind: 'a' | 'b' | 'c'
  readonly size: number
}

/** An event with its key, time and partition; a null value is a tombstone. */
interface Sent {
  readonly key: string
  readonly value: Event | null
  readonly timestamp: number
  readonly partition: number
}

const WITHIN_MS = 30_000

const events = topic('events', { key: string(), value: json<Event>() })
const ordered = topic('ordered', { key: string(), value: json<Event>() })
const matches = topic('matches', { key: string(), value: json<object>() })
const late = topic('late', { key: string(), value: json<Event>() })

const is = (kind: Event['kind']) => (event: Event) => event.kind === kind

const SEQUENCES = {
  'a, then b': sequence<Event>().then('a', is('a')).then('b', is('b')).within(WITHIN_MS),
  'two a, then c': sequence<Event>().then('as', is('a'), { times: 2 }).then('c', is('c')).within(WITHIN_MS),
  'a, and b at once': sequence<Event>().then('a', is('a')).then('b', is('b'), { strict: true }).within(WITHIN_MS),
  'a, then c without b': sequence<Event>()
    .then('a', is('a'))
    .then('c', is('c'), { without: is('b') })
    .within(WITHIN_MS),
  'a, then something larger': sequence<Event>()
    .then('a', is('a'))
    .then('larger', (event, { a }) => event.size > a.size)
    .within(WITHIN_MS),
  'one c': sequence<Event>().then('c', is('c')).within(0),
} satisfies Record<string, Sequence<Event, object>>

type Name = keyof typeof SEQUENCES

function orderJob(grace: number, moved: boolean): Job {
  const read = moved ? stream(events).keyBy((_, key) => key, string()) : stream(events)
  const inOrder = read.inOrder('in-order', { grace })
  return job('orders', inOrder.to(ordered), inOrder.late().to(late))
}

function matchJob(name: Name, grace: number, moved: boolean): Job {
  const read = moved ? stream(events).keyBy((_, key) => key, string()) : stream(events)
  const found = read.match('found', SEQUENCES[name] as Sequence<Event, object>, { grace })
  return job('matches', found.to(matches), found.late().to(late))
}

/**
 * The records in time, by key and time, and those that are late, by the watermark of their partition. A step that makes new keys leaves
 * tombstones out.
 */
function classified(records: readonly Sent[], { grace, moved }: Plan) {
  const { inTime, late: tooLate } = judged(records, grace)
  const isTaken = ({ value }: Sent) => !moved || value !== null
  const ordered = inTime.filter(isTaken).sort((a, b) => a.timestamp - b.timestamp)
  const byKey = Map.groupBy(ordered, ({ key }) => key)
  byKey.delete('end')
  return { byKey, tooLate: tooLate.filter(isTaken) }
}

/** What a sequence takes if it begins with the record at `from`; undefined if it does not come to its end at `to`. */
function attempt({ steps, withinMs }: Sequence<Event, object>, records: readonly Sent[], from: number, to: number) {
  const match: Record<string, Event | Event[]> = {}
  let step = 0
  let count = 0
  for (let at = from; at <= to; at++) {
    const { value, timestamp } = records[at] ?? expect.fail()
    const wanted = steps[step]
    if (wanted === undefined || timestamp - (records[from]?.timestamp ?? 0) > withinMs) return undefined
    if (value === null) continue
    if ((wanted.accepts as (value: Event, soFar: object) => boolean)(value, match)) {
      match[wanted.name] = wanted.times === undefined ? value : [...((match[wanted.name] as Event[]) ?? []), value]
      if (++count < (wanted.times ?? 1)) continue
      step++
      count = 0
      if (step === steps.length) return at === to ? match : undefined
    } else if (at === from || wanted.strict || (wanted.without as ((value: Event) => boolean) | undefined)?.(value)) {
      return undefined
    }
  }
  return undefined
}

/** Every match, by trying each beginning for each end. */
function matchesIn(sequence: Sequence<Event, object>, records: readonly Sent[]): string[] {
  const found: string[] = []
  let first = 0
  for (let to = 0; to < records.length; to++) {
    for (let from = first; from <= to; from++) {
      const match = records[from]?.value === null ? undefined : attempt(sequence, records, from, to)
      if (match === undefined) continue
      found.push(`${records[to]?.key}: ${JSON.stringify(match)} at ${records[to]?.timestamp}`)
      first = to + 1
      break
    }
  }
  return found
}

const plan = fc.record({
  grace: fc.nat(12).map((steps) => steps * 1000),
  moved: fc.boolean(),
  partitions: fc.integer({ min: 1, max: 3 }),
  made: fc.array(
    fc.record({
      key: fc.nat(1),
      kind: fc.constantFrom('a' as const, 'b' as const, 'c' as const),
      size: fc.nat(5),
      isNull: fc.integer({ min: 0, max: 11 }).map((choice) => choice === 0),
      step: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: -15, max: 0 })),
    }),
    { maxLength: 60 },
  ),
  restarts: fc.uniqueArray(fc.nat(60), { maxLength: 3 }),
})

type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never

/** Records of times that go up and down, or stay; the first of each partition begins its time, and the last ends it. */
function recordsOf({ made, partitions }: Plan): Sent[] {
  let time = 20_000
  const inEach = (timestamp: number) =>
    Array.from({ length: partitions }, (_, partition): Sent => ({ key: 'end', value: null, timestamp, partition }))
  const records = made.map(({ key, kind, size, isNull, step }): Sent => {
    time = Math.max(0, time + step * 1000)
    const bytes = Buffer.from(`k${key}`)
    const partition = partitionOf(bytes, 0, bytes.length, partitions)
    return { key: `k${key}`, value: isNull ? null : { kind, size }, timestamp: time, partition }
  })
  return [...inEach(0), ...records, ...inEach(10_000_000)]
}

async function ranOver(theJob: Job, { partitions, restarts }: Plan, records: readonly Sent[]): Promise<TestDriver> {
  const driver = await openTestDriver(theJob, { partitions, idleAfterMs: Number.POSITIVE_INFINITY })
  for (const [turn, record] of records.entries()) {
    await driver.send(events, record)
    if (!restarts.includes(turn)) continue
    await driver.stop()
    driver.loseState()
    await driver.start()
  }
  return driver
}

const rowOf = ({ key, value, timestamp }: { key: string; value: unknown; timestamp: number }) =>
  `${key}: ${JSON.stringify(value)} at ${timestamp}`

test('records leave in the order of their times, each once, and the late ones apart', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async (chosen) => {
      const records = recordsOf(chosen)
      const driver = await ranOver(orderJob(chosen.grace, chosen.moved), chosen, records)
      const { byKey, tooLate } = classified(records, chosen)
      const passed = (await driver.read(ordered)).filter(({ key }) => key !== 'end')
      for (const key of ['k0', 'k1']) {
        expect(passed.filter((record) => record.key === key).map(rowOf)).toEqual((byKey.get(key) ?? []).map(rowOf))
      }
      expect((await driver.read(late)).map(rowOf).sort()).toEqual(tooLate.map(rowOf).sort())
      await driver.close()
    }),
    { numRuns: RUNS },
  )
})

test('matches are those that trying each beginning for each end finds, in every order, and over restarts', async () => {
  const name = fc.constantFrom(...(Object.keys(SEQUENCES) as Name[]))
  await fc.assert(
    fc.asyncProperty(plan, name, async (chosen, which) => {
      const records = recordsOf(chosen)
      const driver = await ranOver(matchJob(which, chosen.grace, chosen.moved), chosen, records)
      const { byKey, tooLate } = classified(records, chosen)
      const expected = [...byKey.values()].flatMap((of) => matchesIn(SEQUENCES[which] as Sequence<Event, object>, of))
      expect((await driver.read(matches)).map(rowOf).sort()).toEqual(expected.sort())
      expect((await driver.read(late)).map(rowOf).sort()).toEqual(tooLate.map(rowOf).sort())
      await driver.close()
    }),
    { numRuns: RUNS },
  )
})

describe('a match', () => {
  const at = (seconds: number, kind: Event['kind'], key = 'k', size = 1): Sent => ({
    key,
    value: { kind, size },
    timestamp: seconds * 1000,
    partition: 0,
  })

  async function found(theJob: Job, ...records: Sent[]) {
    const driver = await openTestDriver(theJob)
    await driver.send(events, ...records, at(10_000, 'b', 'end'))
    const rows = (await driver.read(matches)).map(({ value }) => value)
    await driver.close()
    return rows
  }

  test('gives up the oldest attempt if a key has too many', async () => {
    const few = stream(events).match('few', SEQUENCES['two a, then c'], { attempts: 1 })
    // The attempt of 1 s is given up at 2 s, and that of 2 s at 3 s: each began before it had two records.
    expect(await found(job('few', few.to(matches)), at(1, 'a'), at(2, 'a'), at(3, 'a'), at(4, 'c'))).toEqual([])
    const two = stream(events).match('two', SEQUENCES['two a, then c'], { attempts: 2 })
    expect(await found(job('two', two.to(matches)), at(1, 'a'), at(2, 'a'), at(3, 'a'), at(4, 'c'))).toHaveLength(1)
  })

  test('reports a callback that does not return true or false', async () => {
    const wrong = sequence<Event>()
      .then('a', (async () => true) as never)
      .within('1s')
    const theJob = job('wrong', stream(events).match('wrong', wrong).to(matches))
    await expect(found(theJob, at(1, 'a'))).rejects.toThrow('step a returned object. It must return true or false')
  })
})
