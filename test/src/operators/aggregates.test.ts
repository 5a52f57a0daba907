import { rmSync } from 'node:fs'
import {
  avg,
  collect,
  count,
  distinct,
  first,
  job,
  json,
  last,
  max,
  min,
  quantiles,
  stream,
  string,
  sum,
  topic,
  topK,
  tumbling,
  windowed,
} from '@millrace/core'
import { knownJobs, openStoppedView } from '@millrace/runtime'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { COMMIT_POINTS, Cut, cutLog, guaranteeAt } from '../runtime/cut-log.ts'
import { JobWorld, type TestRecord } from '../runtime/job-world.ts'

/** The number of random inputs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(9))

interface Bid {
  readonly price: number
  readonly bidder: string
}

type Bids = TestRecord<Bid>

const bids = topic('bids', { key: string(), value: json<Bid>() })
const changes = topic('changes', { key: string(), value: json<unknown>() })
const finals = topic('finals', { key: windowed(string()), value: json<unknown>() })

// Records of a key come from several partitions: the order in which they meet depends on speed alone.
const byKey = stream(bids).groupBy((_, key) => key, string())

const totals = byKey.aggregate('totals', {
  bids: count(),
  spent: sum((bid) => bid.price / 10),
  lowest: min((bid) => bid.price),
  highest: max((bid) => bid.price),
  mean: avg((bid) => bid.price),
  opening: first((bid) => bid.price),
  closing: last(),
  early: collect({ max: 3, of: (bid) => bid.bidder }),
  bidders: distinct((bid) => bid.bidder),
  median: quantiles([0.5], (bid) => bid.price),
  best: topK(2, (bid) => bid.price),
})
const highest = byKey
  .window(tumbling(100, { grace: '1h' }))
  .aggregate(
    'highest',
    { bids: count(), best: topK(1, (bid) => bid.price), mean: avg((bid) => bid.price) },
    { emit: 'final' },
  )
const aggregates = job('aggregates', totals, highest, totals.changes().to(changes), highest.changes().to(finals))

interface Timed {
  readonly at: number
  readonly bid: Bid
}

/** Records in the order of their times, and of their values if their times are equal. */
function ordered(records: readonly Timed[]): Timed[] {
  const text = ({ bid }: Timed) => JSON.stringify(bid)
  return [...records].sort((a, b) => a.at - b.at || (text(a) < text(b) ? -1 : 1))
}

const byPrice = (records: readonly Timed[]) => ordered(records).sort((a, b) => b.bid.price - a.bid.price)

/** What `totals` must show of some records. Prices are whole numbers, so their sums are exact. */
function totalsOf(records: readonly Timed[]): unknown {
  const prices = records.map(({ bid }) => bid.price).sort((a, b) => a - b)
  const cents = prices.reduce((total, price) => total + price, 0)
  const inTime = ordered(records)
  const opening = inTime.filter(({ at }) => at === inTime[0]?.at).map(({ bid }) => bid.price)
  const median = prices[Math.floor((prices.length - 1) / 2)] ?? 0
  return {
    bids: records.length,
    spent: expect.closeTo(cents / 10, 9),
    lowest: prices[0],
    highest: prices.at(-1),
    mean: cents / records.length,
    opening: Math.min(...opening),
    closing: inTime.at(-1)?.bid,
    early: earlyBidders(records),
    bidders: new Set(records.map(({ bid }) => bid.bidder)).size,
    median: [expect.toSatisfy((found: number) => Math.abs(found - median) <= median * 0.0100001)],
    best: byPrice(records)
      .slice(0, 2)
      .map(({ bid }) => bid),
  }
}

function earlyBidders(records: readonly Timed[]): string[] {
  return [...records]
    .sort((a, b) => a.at - b.at || (a.bid.bidder < b.bid.bidder ? -1 : 1))
    .slice(0, 3)
    .map(({ bid }) => bid.bidder)
}

function windowOf(records: readonly Timed[]): unknown {
  const prices = records.map(({ bid }) => bid.price)
  return {
    bids: records.length,
    best: [byPrice(records)[0]?.bid],
    mean: prices.reduce((total, price) => total + price, 0) / prices.length,
  }
}

/** The records by a name of each, as a result of each name. */
function rowsOf(records: readonly Bids[], nameOf: (record: Bids) => string, resultOf: (records: Timed[]) => unknown) {
  const groups = Map.groupBy(
    records.filter(({ value }) => value !== null),
    nameOf,
  )
  const timed = (group: readonly Bids[]) =>
    group.flatMap(({ timestamp: at, value: bid }) => (bid === null ? [] : [{ at, bid }]))
  return new Map([...groups].map(([name, group]) => [name, resultOf(timed(group))]))
}

const byWindow = ({ key, timestamp }: Bids) => `${key} ${timestamp - (timestamp % 100)}`

/** Closes the windows of all others, under another key, in each partition. */
const endOf = (partitions: number): Bids[] =>
  Array.from({ length: partitions }, (_, partition) => ({
    key: 'end',
    value: { price: 1, bidder: 'end' },
    timestamp: 10_000_000,
    partition,
  }))

const plan = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  values: fc.array(
    fc.record({
      key: fc.integer({ min: 0, max: 4 }),
      bid: fc.option(
        fc.record({ price: fc.integer({ min: 0, max: 30 }), bidder: fc.constantFrom('ann', 'bob', 'cid', 'dee') }),
        { freq: 8 },
      ),
      at: fc.integer({ min: 0, max: 400 }),
      partition: fc.nat({ max: 2 }),
    }),
    { minLength: 1, maxLength: 200 },
  ),
  runs: fc.array(
    fc.record({
      point: fc.constantFrom(...COMMIT_POINTS),
      countdown: fc.integer({ min: 1, max: 6 }),
      loseState: fc.boolean(),
      commitIntervalMs: fc.integer({ min: 1, max: 4 }),
    }),
    { maxLength: 3 },
  ),
})

/** All rows of a view of a job that does not run. */
async function stoppedRows(world: JobWorld, name: string): Promise<Map<string, unknown>> {
  const { log, env, stateDirectory } = world
  const [known] = await knownJobs({ log, env }, 'aggregates')
  if (known === undefined) throw new Error('the job has not run')
  const stopped = await openStoppedView({ job: known, view: name, log, env, stateDirectory })
  try {
    const rows = new Map<string, unknown>()
    for (const { store } of stopped.view.parts) {
      const { entries } = await store.range({ limit: 10_000 })
      for (const { key, window, value } of entries)
        rows.set(window === undefined ? `${key}` : `${key} ${window.start}`, value)
    }
    return rows
  } finally {
    await stopped.close()
  }
}

test(
  'aggregates of random records, in disorder and cut off at random commits, come to what all records at once come to',
  async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ partitions, values, runs }) => {
        const world = await JobWorld.open()
        await world.topic('bids', { partitions })
        await world.topic('changes')
        await world.topic('finals')
        const records: Bids[] = values.map(({ key, bid, at, partition }) => ({
          key: `k${key}`,
          value: bid,
          timestamp: 1000 + at,
          partition: partition % partitions,
        }))
        let produced = 0
        for (const [index, { point, countdown, loseState, commitIntervalMs }] of runs.entries()) {
          const upTo = Math.round((records.length * (index + 1)) / (runs.length + 1))
          await world.produce('bids', bids.value, records.slice(produced, upTo))
          produced = upTo
          const log = cutLog(world.log, point, countdown)
          const outcome = await world
            .runToEnd(aggregates, { log, guarantee: guaranteeAt(point), commitIntervalMs })
            .catch((error: unknown) => error)
          if (outcome !== undefined && !(outcome instanceof Cut)) throw outcome
          if (loseState) rmSync(world.stateDirectory, { recursive: true, force: true })
        }
        const end = endOf(partitions)
        await world.produce('bids', bids.value, [...records.slice(produced), ...end])
        await world.runToEnd(aggregates)
        const all = [...records, ...end]
        const expected = rowsOf(all, ({ key }) => `${key}`, totalsOf)
        const expectedWindows = rowsOf(all, byWindow, windowOf)
        expect(await world.rows(aggregates, 'totals')).toEqual(expected)
        expect(await world.rows(aggregates, 'highest')).toEqual(expectedWindows)
        expect(await stoppedRows(world, 'totals')).toEqual(expected)
        expect(await stoppedRows(world, 'highest')).toEqual(expectedWindows)
        // What was passed on are results too: the last change of each key is its row, and each closed window has its final.
        const passed = await world.read('changes', changes.value)
        expect(new Map(passed.map(([key, value]) => [key, value]))).toEqual(expected)
        const closed = new Map([...expectedWindows].filter(([name]) => !name.startsWith('end')))
        expect(await windowsRead(world)).toEqual(closed)
        await world.close()
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS),
)

async function windowsRead(world: JobWorld): Promise<Map<string, unknown>> {
  const reader = world.log.openReader()
  const rows = new Map<string, unknown>()
  const from = await reader.assign('finals', 0, 0)
  for (let batch = from.poll(); batch !== undefined; batch = from.poll()) {
    while (batch.next()) {
      const { bytes, keyStart, keyEnd, valueStart, valueEnd } = batch
      const { key, window } = finals.key.decode(bytes, keyStart, keyEnd)
      rows.set(`${key} ${window.start}`, finals.value.decode(bytes, valueStart, valueEnd))
    }
  }
  await reader.close()
  return rows
}
