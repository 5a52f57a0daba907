import { rmSync } from 'node:fs'
import {
  int32,
  job,
  json,
  type ListState,
  listState,
  type MapState,
  mapState,
  type ProcessContext,
  stream,
  string,
  topic,
  type ValueState,
  valueState,
} from '@millrace/core'
import { RECENT_MAX, WatchByHand } from '@millrace/testing/internal'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { COMMIT_POINTS, Cut, cutLog, guaranteeAt } from '../runtime/cut-log.ts'
import { JobWorld, type TestRecord } from '../runtime/job-world.ts'

/** The number of random runs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(12))
/** How long after its write the state of the step with a time to live is there, ms. */
const TTL_MS = 40
/** Later than all timers. */
const END = 1_000_000

const numbers = topic('numbers', { key: string(), value: int32(), aheadMax: 'unlimited' })

interface State {
  readonly last: ValueState<number>
  readonly recent: ListState<number>
  readonly kinds: MapState<string, number>
}

function describe({ last, recent, kinds }: State): string {
  const map = [...kinds.entries()].map(([kind, value]) => `${kind}:${value}`)
  return `${last.get() ?? '-'} [${recent.values()}] {${map}}`
}

/** Everything that a step can do, as the number of a record says. */
const everything = stream(numbers).process('everything', {
  value: json<string>(),
  state: {
    last: valueState(int32(), { ttl: TTL_MS }),
    recent: listState(int32(), { max: RECENT_MAX, ttl: TTL_MS }),
    kinds: mapState(string(), int32(), { ttl: TTL_MS }),
  },
  onRecord(value, _key, { state, timers, timestamp, isLate, emit }) {
    emit(`${value}${isLate ? ' late' : ''} after ${describe(state)}`)
    state.last.set(value)
    state.recent.add(value)
    if (value % 5 === 0) state.kinds.delete('0')
    else state.kinds.set(`${value % 3}`, value)
    if (value % 7 === 0) timers.quiet.cancel()
    else if (value % 2 === 0) timers.quiet.at(timestamp + value)
    if (value % 11 === 0) timers.past.at(Math.max(0, timestamp - value))
  },
  onTombstone(_key, { state, emit }) {
    emit('deleted')
    state.kinds.clear()
  },
  timers: {
    quiet(_key, context) {
      fired('quiet', context)
      context.state.recent.clear()
      if (context.timestamp % 3 === 0) context.timers.again.after(9)
    },
    past: (_key, context) => fired('past', context),
    again(_key, context) {
      fired('again', context)
      context.state.last.delete()
    },
  },
})

function fired(
  name: string,
  { state, isLate, emit }: Pick<ProcessContext<unknown, unknown, never, string>, 'isLate' | 'emit'> & { state: State },
) {
  emit(`${name}${isLate ? ' late' : ''} with ${describe(state)}`)
}

/** All that the step has emitted for each key, with its times, in order, behind a repartition topic. */
const emitted = everything
  .mapValues((text, _key, { timestamp }) => `${text} at ${timestamp}`)
  .keyBy((_text, key) => `of ${key}`, string())
  .groupByKey()
  .aggregate('emitted', { init: () => [] as string[], add: (all, text) => [...all, text] })

/** Each emission waits for another timer, in a second step behind a repartition topic. */
const delayed = everything
  .keyBy((text, key) => `${key} ${text}`, string())
  .process('delayed', {
    value: int32(),
    state: { count: valueState(int32()) },
    onRecord(_text, _key, { state, timers, timestamp }) {
      state.count.set((state.count.get() ?? 0) + 1)
      timers.later.at(timestamp + 7)
    },
    timers: { later: (_key, { state, emit }) => emit(state.count.get() ?? 0) },
  })
  .groupByKey()
  .reduce('delays', (_before, count) => count)

/** How often each number comes that its partition has not had for a while, whatever the key. */
const firsts = stream(numbers)
  .processTask('firsts', {
    key: string(),
    value: int32(),
    state: { seen: mapState(int32(), int32(), { ttl: TTL_MS }) },
    onRecord(value, _key, { state: { seen }, emit }) {
      if (!seen.has(value)) emit(`n${value}`, value)
      seen.set(value, value)
    },
  })
  .groupByKey()
  .count('first-counts')

const theJob = job('processing', emitted, delayed, firsts)

function firstsByHand(records: readonly Placed[]): Map<string, unknown> {
  const counts = new Map<string, number>()
  const watermarks = new Map<number, number>()
  const seen = new Map<string, number>()
  for (const { value, timestamp, partition } of records) {
    const time = Math.max(timestamp, watermarks.get(partition) ?? 0)
    watermarks.set(partition, time)
    if (value === null) continue
    const written = seen.get(`${partition} ${value}`)
    if (written === undefined || written + TTL_MS <= time) counts.set(`n${value}`, (counts.get(`n${value}`) ?? 0) + 1)
    seen.set(`${partition} ${value}`, time)
  }
  return counts
}

interface Placed extends TestRecord<number> {
  readonly key: string
  readonly partition: number
}

type Emissions = WatchByHand['emitted']

/** What the step emits in each partition, computed by hand. */
function emissionsByHand(records: readonly Placed[], partitions: number): Emissions {
  return Array.from({ length: partitions }).flatMap((_, partition) => {
    const byHand = new WatchByHand({ ttlMs: TTL_MS, quietMs: 1 })
    for (const { key, value, timestamp: time } of records.filter((each) => each.partition === partition)) {
      byHand.take({ key, value: value === null ? null : { id: value, size: value }, time })
    }
    return byHand.emitted
  })
}

function emittedByHand(emissions: Emissions): Map<string, unknown> {
  const rows = new Map<string, string[]>()
  for (const { key, text, time } of emissions) {
    rows.set(`of ${key}`, [...(rows.get(`of ${key}`) ?? []), `${text} at ${time}`])
  }
  return rows
}

/** The timers of what was emitted at the end are still set. */
function delaysByHand(emissions: Emissions): Map<string, unknown> {
  const rows = new Map<string, number>()
  for (const { key, text, time } of emissions) {
    if (time < END) rows.set(`${key} ${text}`, (rows.get(`${key} ${text}`) ?? 0) + 1)
  }
  return rows
}

const plan = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  values: fc.array(
    fc.record({
      key: fc.integer({ min: 0, max: 6 }),
      value: fc.option(fc.integer({ min: 0, max: 99 }), { freq: 12 }),
      back: fc.oneof(
        { weight: 3, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: 0, max: 60 }) },
      ),
      step: fc.oneof(
        { weight: 9, arbitrary: fc.integer({ min: 0, max: 9 }) },
        { weight: 1, arbitrary: fc.constant(80) },
      ),
    }),
    { minLength: 1, maxLength: 300 },
  ),
  runs: fc.array(
    fc.record({
      point: fc.constantFrom(...COMMIT_POINTS),
      countdown: fc.integer({ min: 1, max: 6 }),
      loseState: fc.boolean(),
      commitIntervalMs: fc.integer({ min: 1, max: 4 }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
})

test(
  'a step of one’s own does what a simulation by hand does, cut off at random commits, with state that is lost',
  async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ partitions, values, runs }) => {
        const world = await JobWorld.open()
        await world.topic('numbers', { partitions })
        let now = 100
        const records: Placed[] = values.map((each) => {
          now += each.step
          const timestamp = now - each.back
          return { key: `k${each.key}`, value: each.value, timestamp, partition: each.key % partitions }
        })
        for (let partition = 0; partition < partitions; partition++) {
          records.push({ key: `end${partition}`, value: 1, timestamp: END, partition })
        }
        let produced = 0
        for (const [index, { point, countdown, loseState, commitIntervalMs }] of runs.entries()) {
          const upTo = Math.round((records.length * (index + 1)) / runs.length)
          await world.produce('numbers', numbers.value, records.slice(produced, upTo))
          produced = upTo
          const log = cutLog(world.log, point, countdown)
          const outcome = await world
            .runToEnd(theJob, { log, guarantee: guaranteeAt(point), commitIntervalMs })
            .catch((error: unknown) => error)
          if (outcome !== undefined && !(outcome instanceof Cut)) throw outcome
          if (loseState) rmSync(world.stateDirectory, { recursive: true, force: true })
        }
        await world.runToEnd(theJob)
        const rows = await world.allRows(theJob)
        const expected = emissionsByHand(records, partitions)
        expect(rows.get('emitted')).toEqual(emittedByHand(expected))
        expect(rows.get('delays')).toEqual(delaysByHand(expected))
        expect(rows.get('first-counts')).toEqual(firstsByHand(records))
        await world.close()
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS),
)
