import {
  int32,
  type Job,
  job,
  joinAll,
  json,
  type Stream,
  stream,
  string,
  type Topic,
  topic,
  tumbling,
} from '@millrace/core'
import { openTestDriver } from '@millrace/testing'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { guaranteeAt } from '../runtime/cut-log.ts'
import { JobWorld } from '../runtime/job-world.ts'
import { cutRuns, runCut } from './cut-runs.ts'
import { type Judged, judged, type SideRecord } from './two-sides.ts'

/** The number of random joins. MILLRACE_RANDOM_JOINS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOINS'] ?? trials(12))

/** The results are counted by windows of this size. */
const WINDOW_MS = 20

/** Later than everything else. */
const END_MS = 10_000

const NAMES = ['a', 'b', 'c'] as const
type Name = (typeof NAMES)[number]
type Topics = Readonly<Record<Name, Topic<string, number>>>
type Together = Readonly<Record<Name, number>>

const topicsOf = (prefix: string): Topics => {
  const one = (name: Name) => topic(`${prefix}${name}`, { key: string(), value: int32() })
  return { a: one('a'), b: one('b'), c: one('c') }
}
const inputs = topicsOf('in-')
const lates = topicsOf('late-')
const results = topic('results', { key: string(), value: json<Together>() })

interface Reach {
  readonly within: number
  readonly grace: number
  /** The grace of the windows behind the join. */
  readonly windowGrace: number
}

/** `moved`: the streams go through repartition topics. `self`: the third stream is the first one. */
function joinJob({ within, grace, windowGrace }: Reach, moved: boolean, self: boolean): Job {
  const read = (name: Name): Stream<string, number> =>
    moved ? stream(inputs[name]).keyBy((_, key) => key, string()) : stream(inputs[name])
  const a = read('a')
  const joined = joinAll('joined', { a, b: read('b'), c: self ? a : read('c') }, { within, grace })
  const counts = joined
    .groupByKey()
    .window(tumbling(WINDOW_MS, { grace: windowGrace }))
    .count('counts')
  return job('all', counts, joined.to(results), ...NAMES.map((name) => joined.late(name).to(lates[name])))
}

type Sent = SideRecord & { readonly name: Name }

/** What the join is by its definition: every combination of records in time that span at most `within`, and the late records. */
function expectedOf(reach: Reach, records: readonly Sent[], self: boolean) {
  const own = NAMES.map((name) => {
    const { inTime, late } = judged(
      records.filter((record) => record.name === (self && name === 'c' ? 'a' : name)),
      reach.grace,
    )
    const hasValue = ({ value }: SideRecord) => value !== null
    return { inTime: inTime.filter(hasValue), late: late.filter(hasValue) }
  })
  const [a = [], b = [], c = []] = own.map(({ inTime }) => inTime)
  const found = a.flatMap((one) =>
    b.flatMap((two) =>
      c.flatMap((three): (readonly Judged[])[] => {
        const times = [one, two, three].map(({ timestamp }) => timestamp)
        const isNear = Math.max(...times) - Math.min(...times) <= reach.within
        return one.key === two.key && one.key === three.key && isNear ? [[one, two, three]] : []
      }),
    ),
  )
  return {
    results: found.map(resultText).sort(),
    counts: countsOf(found, reach),
    late: own.flatMap(({ late }, port) =>
      late.map(({ key, value, timestamp }) => `${NAMES[port]} ${key}: ${value} at ${timestamp}`),
    ),
  }
}

function timeOf(found: readonly SideRecord[]): number {
  return Math.max(...found.map(({ timestamp }) => timestamp))
}

function resultText(found: readonly SideRecord[]): string {
  return `${found[0]?.key}: ${found.map(({ value }) => value).join(' ')} at ${timeOf(found)}`
}

/** The results in each window behind the join. A result is as late as the latest of its records. */
function countsOf(all: readonly (readonly Judged[])[], { windowGrace }: Reach): Map<string, number> {
  const counts = new Map<string, number>()
  for (const found of all) {
    const at = timeOf(found)
    const start = at - (at % WINDOW_MS)
    if (start + WINDOW_MS + windowGrace <= Math.max(...found.map(({ watermark }) => watermark))) continue
    const row = `${found[0]?.key} ${start}`
    counts.set(row, 1 + (counts.get(row) ?? 0))
  }
  return counts
}

async function readTexts(world: JobWorld, from: Topic<string, number>, partitions: number): Promise<string[]> {
  const texts: string[] = []
  for (let partition = 0; partition < partitions; partition++) {
    const records = await world.read(from.name, from.value, partition)
    texts.push(...records.map(([key, value, at]) => `${key}: ${value} at ${at}`))
  }
  return texts
}

async function readResults(world: JobWorld, partitions: number): Promise<string[]> {
  const texts: string[] = []
  for (let partition = 0; partition < partitions; partition++) {
    for (const [key, value, at] of await world.read(results.name, results.value, partition)) {
      texts.push(`${key}: ${NAMES.map((name) => value?.[name]).join(' ')} at ${at}`)
    }
  }
  return texts.sort()
}

const plan = fc.record({
  reach: fc.record({ within: fc.nat(20), grace: fc.nat(15), windowGrace: fc.nat(10) }),
  moved: fc.boolean(),
  self: fc.boolean(),
  partitions: fc.integer({ min: 1, max: 3 }),
  records: fc.array(
    fc.record({
      name: fc.constantFrom(...NAMES),
      key: fc.integer({ min: 0, max: 2 }),
      // A tenth of them are tombstones.
      value: fc.option(fc.integer({ min: 0, max: 99 }), { freq: 9 }),
      step: fc.integer({ min: -9, max: 11 }),
    }),
    { minLength: 10, maxLength: 120, size: 'max' },
  ),
  runs: cutRuns,
})

/**
 * The records in the order in which they are produced. The first of each partition begins its time, since a partition without records
 * does not hold time back, and the last ends it.
 */
function sentIn(made: readonly { name: Name; key: number; value: number | null; step: number }[], partitions: number) {
  let time = 1000
  const all = (timestamp: number, key: string) =>
    NAMES.flatMap((name) =>
      Array.from({ length: partitions }, (_, partition): Sent => {
        return { name, key: `${key}${name}${partition}`, value: -1, timestamp, partition }
      }),
    )
  const records = made.map(({ name, key, value, step }): Sent => {
    time = Math.max(0, time + step)
    return { name, key: `k${key}`, value, timestamp: time, partition: key % partitions }
  })
  return { begin: all(0, 'begin'), rest: [...records, ...all(END_MS, 'end')] }
}

test(
  'random joins of three streams, cut off at random commits, give exactly the combinations of the records that are in time',
  async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ reach, moved, self, partitions, records, runs }) => {
        const world = await JobWorld.open()
        for (const name of [...Object.values(inputs), ...Object.values(lates), results].map((each) => each.name))
          await world.topic(name, { partitions })
        const { begin, rest } = sentIn(records, partitions)
        const produce = async (sent: readonly Sent[]) => {
          for (const [name, own] of Map.groupBy(sent, (record) => record.name))
            await world.produce(inputs[name].name, inputs[name].value, own)
        }
        await produce(begin)
        const theJob = joinJob(reach, moved, self)
        await runCut(world, theJob, runs, rest.length, (from, to) => produce(rest.slice(from, to)))
        const expected = expectedOf(reach, [...begin, ...rest], self)
        // At-least-once may append outputs again.
        const exactlyOnce = runs.every(({ point }) => guaranteeAt(point) === 'exactly-once')
        const once = (rows: readonly string[]) => (exactlyOnce ? [...rows] : [...new Set(rows)]).sort()
        expect(once(await readResults(world, partitions))).toEqual(once(expected.results))
        const late: string[] = []
        for (const name of NAMES) {
          const found = await readTexts(world, lates[name], partitions)
          late.push(...found.map((row) => `${name} ${row}`))
        }
        expect(once(late)).toEqual(once(expected.late))
        expect(await world.rows(theJob, 'counts')).toEqual(expected.counts)
        await world.close()
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS, 8000),
)

test(
  'every interleaving of three streams, committed after each record, gives the same combinations',
  async () => {
    const restarts = fc.uniqueArray(fc.nat(100), { maxLength: 3 })
    const turns = fc.infiniteStream(fc.constantFrom(...NAMES))
    await fc.assert(
      fc.asyncProperty(plan, turns, restarts, async ({ reach, moved, partitions, records }, order, stops) => {
        const driver = await openTestDriver(joinJob(reach, moved, false), {
          partitions,
          idleAfterMs: Number.POSITIVE_INFINITY,
        })
        const { begin, rest } = sentIn(records, partitions)
        for (const { name, ...record } of begin) await driver.send(inputs[name], record)
        const queues = Map.groupBy(rest, ({ name }) => name)
        for (let turn = 0; [...queues.values()].some(({ length }) => length > 0); turn++) {
          const next = queues.get(order.next().value ?? 'a')?.shift()
          if (next !== undefined) await driver.send(inputs[next.name], next)
          if (!stops.includes(turn)) continue
          await driver.stop()
          driver.loseState()
          await driver.start()
        }
        const expected = expectedOf(reach, [...begin, ...rest], false)
        const found = (await driver.read(results)).map(
          ({ key, value, timestamp }) => `${key}: ${NAMES.map((name) => value?.[name]).join(' ')} at ${timestamp}`,
        )
        expect(found.sort()).toEqual(expected.results)
        await driver.close()
      }),
      { numRuns: RUNS * 4 },
    )
  },
  limitMs(RUNS * 4),
)

test('a join of several streams is not continued with another time', async () => {
  const reach = { within: 10, grace: 0, windowGrace: 0 }
  const driver = await openTestDriver(joinJob(reach, false, false))
  onTestFinished(() => driver.close())
  await driver.send(inputs.a, { key: 'x', value: 1, timestamp: 1005 })
  await driver.stop()
  await expect(driver.start(joinJob({ ...reach, within: 20 }, false, false))).rejects.toMatchObject({
    code: 'STORE_CHANGED',
    message: expect.stringContaining('within, before 10ms, now 20ms'),
  })
})
