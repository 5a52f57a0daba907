import { rmSync } from 'node:fs'
import { int32, type Job, type JoinedStream, job, type Stream, stream, string, topic, tumbling } from '@millrace/core'
import { openTestDriver } from '@millrace/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { COMMIT_POINTS, Cut, cutLog, guaranteeAt } from '../runtime/cut-log.ts'
import { JobWorld, type TestRecord } from '../runtime/job-world.ts'
import { type Judged, judged, type SideRecord, sendInTurns } from './two-sides.ts'

/** The number of random joins. MILLRACE_RANDOM_JOINS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOINS'] ?? trials(9))

/** The pairs are counted by windows of this size. */
const WINDOW_MS = 20

/** Later than everything else: records of this time end every wait for a partner. */
const END_MS = 10_000

const lefts = topic('lefts', { key: string(), value: int32() })
const rights = topic('rights', { key: string(), value: int32() })
const pairs = topic('pairs', { key: string(), value: string() })
const lateLefts = topic('late-lefts', { key: string(), value: int32() })
const lateRights = topic('late-rights', { key: string(), value: int32() })

type Word = 'join' | 'leftJoin' | 'outerJoin'

interface Reach {
  readonly before: number
  readonly after: number
  readonly grace: number
  /** The grace of the windows behind the join. */
  readonly windowGrace: number
}

/** `moved`: the sides go through repartition topics. `self`: the left side is joined with itself. */
function joinJob(word: Word, { before, after, grace, windowGrace }: Reach, moved: boolean, self: boolean): Job {
  const read = (from: typeof lefts): Stream<string, number> =>
    moved ? stream(from).keyBy((_, key) => key, string()) : stream(from)
  const [left, right] = [read(lefts), read(self ? lefts : rights)]
  const options = { within: { before, after }, grace, value: string() }
  const both = (l: number | null, r: number | null) => `${l} ${r}`
  const joined: JoinedStream<string, string, number, number> =
    word === 'join'
      ? left.join('joined', right, both, options)
      : word === 'leftJoin'
        ? left.leftJoin('joined', right, both, options)
        : left.outerJoin('joined', right, both, options)
  const late = [joined.lateLeft().to(lateLefts), joined.lateRight().to(lateRights)]
  const counts = joined
    .groupByKey()
    .window(tumbling(WINDOW_MS, { grace: windowGrace }))
    .count('counts')
  return job('joins', counts, joined.to(pairs), ...late)
}

interface Pair {
  readonly left: Judged | null
  readonly right: Judged | null
}

/** The records of a side that are in time, and the others. A tombstone has nothing to join. */
function valuesJudged(records: readonly SideRecord[], grace: number): ReturnType<typeof judged<SideRecord>> {
  const { inTime, late } = judged(records, grace)
  const hasValue = ({ value }: SideRecord) => value !== null
  return { inTime: inTime.filter(hasValue), late: late.filter(hasValue) }
}

/** What the join is by the textbook: every pair of records that are in time, and those that are in no pair. */
function expectedPairs(word: Word, reach: Reach, left: readonly SideRecord[], right: readonly SideRecord[]) {
  const { before, after, grace } = reach
  const [l, r] = [valuesJudged(left, grace), valuesJudged(right, grace)]
  const matches = (a: SideRecord, b: SideRecord) =>
    a.key === b.key && b.timestamp >= a.timestamp - before && b.timestamp <= a.timestamp + after
  const found = l.inTime.flatMap((a): Pair[] =>
    r.inTime.filter((b) => matches(a, b)).map((b) => ({ left: a, right: b })),
  )
  if (word !== 'join') {
    const alone = l.inTime.filter((a) => !r.inTime.some((b) => matches(a, b)))
    found.push(...alone.map((a) => ({ left: a, right: null })))
  }
  if (word === 'outerJoin') {
    const alone = r.inTime.filter((b) => !l.inTime.some((a) => matches(a, b)))
    found.push(...alone.map((b) => ({ left: null, right: b })))
  }
  return {
    pairs: found.map(rowOf).sort(),
    counts: countsOf(found, reach),
    lateLefts: rowsOf(l.late),
    lateRights: rowsOf(r.late),
  }
}

function timeOf({ left, right }: Pair): number {
  return Math.max(left?.timestamp ?? 0, right?.timestamp ?? 0)
}

/** The pairs in each window behind the join. A pair is as late as the later of its records, and a lone record is in time. */
function countsOf(found: readonly Pair[], { windowGrace }: Reach): Map<string, unknown> {
  const counts = new Map<string, unknown>()
  for (const pair of found) {
    const { left, right } = pair
    const at = timeOf(pair)
    const start = at - (at % WINDOW_MS)
    const watermark = left === null || right === null ? at : Math.max(left.watermark, right.watermark)
    if (start + WINDOW_MS + windowGrace <= watermark) continue
    const row = `${left?.key ?? right?.key} ${start}`
    counts.set(row, 1 + ((counts.get(row) as number | undefined) ?? 0))
  }
  return counts
}

function rowOf(pair: Pair): string {
  const { left, right } = pair
  return `${left?.key ?? right?.key}: ${left?.value ?? null} ${right?.value ?? null} at ${timeOf(pair)}`
}

function rowsOf(records: readonly SideRecord[]): string[] {
  return records.map(({ key, value, timestamp }) => `${key}: ${value} at ${timestamp}`).sort()
}

async function readRows<V>(world: JobWorld, from: { name: string; value: typeof pairs.value | typeof lefts.value }) {
  const { partitions = 0 } = (await world.log.admin.describeTopic(from.name)) ?? {}
  const rows: string[] = []
  for (let partition = 0; partition < partitions; partition++) {
    for (const [key, value, at] of await world.read<V>(from.name, from.value as never, partition)) {
      rows.push(`${key}: ${value} at ${at}`)
    }
  }
  return rows.sort()
}

const someRecords = fc.array(
  fc.record({
    key: fc.integer({ min: 0, max: 4 }),
    // A tenth of them are tombstones.
    value: fc.option(fc.integer({ min: 0, max: 99 }), { freq: 9 }),
    step: fc.integer({ min: -12, max: 15 }),
  }),
  { maxLength: 60 },
)

const plan = fc.record({
  word: fc.constantFrom<Word>('join', 'leftJoin', 'outerJoin'),
  reach: fc.record({ before: fc.nat(20), after: fc.nat(20), grace: fc.nat(15), windowGrace: fc.nat(10) }),
  moved: fc.boolean(),
  self: fc.boolean(),
  partitions: fc.integer({ min: 1, max: 3 }),
  left: someRecords,
  right: someRecords,
  runs: fc.array(
    fc.record({
      point: fc.constantFrom(...COMMIT_POINTS),
      countdown: fc.integer({ min: 1, max: 6 }),
      loseState: fc.boolean(),
      commitIntervalMs: fc.integer({ min: 1, max: 4 }),
      shares: fc.tuple(fc.nat(100), fc.nat(100)),
    }),
    { maxLength: 3 },
  ),
})

/**
 * Records whose times go up and down. The first of each partition begins its time, since a partition without records does not
 * hold time back, and the last closes everything.
 */
function recordsOf(
  made: readonly { key: number; value: number | null; step: number }[],
  partitions: number,
): SideRecord[] {
  let time = 1000
  const begin = Array.from({ length: partitions }, (_, partition): SideRecord => {
    return { key: `begin${partition}`, value: -1, timestamp: 0, partition }
  })
  const records = made.map(({ key, value, step }): SideRecord => {
    time = Math.max(0, time + step)
    return { key: `k${key}`, value, timestamp: time, partition: key % partitions }
  })
  for (let partition = 0; partition < partitions; partition++) {
    records.push({ key: `end${partition}`, value: -1, timestamp: END_MS, partition })
  }
  return [...begin, ...records]
}

/** Produces each topic's records piece by piece, so that now the one and now the other side comes first. */
class Producer {
  readonly #world: JobWorld
  readonly #partitions: number
  readonly #sides: { readonly topic: string; readonly records: readonly SideRecord[]; sent: number }[]

  constructor(world: JobWorld, partitions: number, sides: Readonly<Record<string, readonly SideRecord[]>>) {
    this.#world = world
    this.#partitions = partitions
    this.#sides = Object.entries(sides).map(([name, records]) => ({ topic: name, records, sent: 0 }))
  }

  /** Sends so much of what is left of each side, in hundredths, but at least the records that begin. */
  async send(shares: readonly number[]): Promise<void> {
    for (const [index, side] of this.#sides.entries()) {
      const left = side.records.length - side.sent
      const count = Math.max(this.#partitions - side.sent, Math.round((left * (shares[index] ?? 100)) / 100))
      const records = side.records.slice(side.sent, side.sent + count) as TestRecord<number>[]
      await this.#world.produce(side.topic, lefts.value, records)
      side.sent += count
    }
  }
}

test(
  'random joins of two streams, cut off at random commits, give exactly the pairs of the records that are in time',
  async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ word, reach, moved, self, partitions, left, right, runs }) => {
        const world = await JobWorld.open()
        for (const name of ['lefts', 'rights', 'pairs', 'late-lefts', 'late-rights'])
          await world.topic(name, { partitions })
        const leftRecords = recordsOf(left, partitions)
        const rightRecords = self ? leftRecords : recordsOf(right, partitions)
        const sides = self ? { lefts: leftRecords } : { lefts: leftRecords, rights: rightRecords }
        const producer = new Producer(world, partitions, sides)
        const theJob = joinJob(word, reach, moved, self)
        for (const { point, countdown, loseState, commitIntervalMs, shares } of runs) {
          await producer.send(shares)
          const log = cutLog(world.log, point, countdown)
          const outcome = await world
            .runToEnd(theJob, { log, guarantee: guaranteeAt(point), commitIntervalMs })
            .catch((error: unknown) => error)
          if (outcome !== undefined && !(outcome instanceof Cut)) throw outcome
          if (loseState) rmSync(world.stateDirectory, { recursive: true, force: true })
        }
        await producer.send([])
        await world.runToEnd(theJob)
        const expected = expectedPairs(word, reach, leftRecords, rightRecords)
        const exactlyOnce = runs.every(({ point }) => guaranteeAt(point) === 'exactly-once')
        const found = {
          pairs: await readRows(world, pairs),
          lateLefts: await readRows(world, lateLefts),
          lateRights: await readRows(world, lateRights),
        }
        // At-least-once may append outputs again.
        const once = (rows: string[]) => (exactlyOnce ? rows : [...new Set(rows)])
        for (const name of ['pairs', 'lateLefts', 'lateRights'] as const) {
          expect(once(found[name])).toEqual(once(expected[name]))
        }
        expect(await world.rows(theJob, 'counts')).toEqual(expected.counts)
        await world.close()
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS),
)

test('every interleaving of two streams, committed after each record, gives the same pairs', async () => {
  const interleaved = fc.record({
    restarts: fc.uniqueArray(fc.nat(120), { maxLength: 3 }),
    // Whether the left side sends next.
    turns: fc.infiniteStream(fc.boolean()),
  })
  await fc.assert(
    fc.asyncProperty(
      plan,
      interleaved,
      async ({ word, reach, moved, partitions, left, right }, { restarts, turns }) => {
        const driver = await openTestDriver(joinJob(word, reach, moved, false), {
          partitions,
          idleAfterMs: Number.POSITIVE_INFINITY,
        })
        const sides = { lefts: recordsOf(left, partitions), rights: recordsOf(right, partitions) }
        const both = [
          { topic: lefts, records: sides.lefts },
          { topic: rights, records: sides.rights },
        ] as const
        await sendInTurns(driver, both, partitions, turns, restarts)
        const expected = expectedPairs(word, reach, sides.lefts, sides.rights)
        const rows = (found: readonly { key: string; value: unknown; timestamp: number }[]) =>
          found.map(({ key, value, timestamp }) => `${key}: ${value} at ${timestamp}`).sort()
        expect(rows(await driver.read(pairs))).toEqual(expected.pairs)
        expect(rows(await driver.read(lateLefts))).toEqual(expected.lateLefts)
        expect(rows(await driver.read(lateRights))).toEqual(expected.lateRights)
        await driver.close()
      },
    ),
    { numRuns: RUNS * 6 },
  )
})
