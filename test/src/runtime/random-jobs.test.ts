import { rmSync } from 'node:fs'
import {
  avg,
  count,
  hopping,
  int32,
  type Job,
  job,
  json,
  last,
  max,
  type Stream,
  sessions,
  stream,
  string,
  sum as sumOf,
  topic,
  tumbling,
  valueState,
} from '@millrace/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { COMMIT_POINTS, Cut, cutLog, guaranteeAt } from './cut-log.ts'
import { JobWorld, type TestRecord } from './job-world.ts'

/** The number of random jobs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(25))

const numbers = topic('numbers', { key: string(), value: int32() })

/** A step over a stream of numbers, with Millrace and computed without it. */
interface Step {
  readonly name: string
  readonly onStream: (input: Stream<string, number>) => Stream<string, number>
  readonly byHand: (records: readonly Plain[]) => Plain[]
}

interface Plain {
  readonly key: string
  readonly value: number
  readonly timestamp: number
}

const steps: Step[] = [
  {
    name: 'filter',
    onStream: (input) => input.filter((value) => value % 3 !== 0),
    byHand: (records) => records.filter(({ value }) => value % 3 !== 0),
  },
  {
    name: 'mapValues',
    onStream: (input) => input.mapValues((value) => value + 1, int32()),
    byHand: (records) => records.map((record) => ({ ...record, value: record.value + 1 })),
  },
  {
    name: 'flatMapValues',
    onStream: (input) => input.flatMapValues((value) => (value % 2 === 0 ? [value, -value] : []), int32()),
    byHand: (records) =>
      records.flatMap((record) => (record.value % 2 === 0 ? [record, { ...record, value: -record.value }] : [])),
  },
  {
    name: 'keyBy',
    onStream: (input) => input.keyBy((value) => `r${Math.abs(value) % 4}`, string()),
    byHand: (records) => records.map((record) => ({ ...record, key: `r${Math.abs(record.value) % 4}` })),
  },
  {
    name: 'repartition',
    onStream: (input) => input.repartition('spread', { partitions: 2 }),
    byHand: (records) => [...records],
  },
]

/** A table at the end of the steps, with Millrace and computed without it. */
interface Table {
  readonly name: string
  readonly job: (input: Stream<string, number>) => Job
  /** The name of the view. Default: rows. */
  readonly view?: string
  readonly rows: (records: readonly Plain[]) => Map<string, unknown>
}

function fold(records: readonly Plain[], windows: (timestamp: number) => readonly number[] | undefined) {
  const rows = new Map<string, unknown>()
  for (const { key, value, timestamp } of records) {
    for (const row of windows(timestamp)?.map((start) => `${key} ${start}`) ?? [key]) {
      rows.set(row, ((rows.get(row) as number | undefined) ?? 0) + value)
    }
  }
  return rows
}

/** The records come in the order of their times. */
function foldSessions(records: readonly Plain[], gap: number) {
  const rows = new Map<string, unknown>()
  const last = new Map<string, { readonly row: string; readonly timestamp: number }>()
  for (const { key, value, timestamp } of [...records].sort((a, b) => a.timestamp - b.timestamp)) {
    const before = last.get(key)
    const isOf = before !== undefined && timestamp - before.timestamp < gap
    const row = isOf ? before.row : `${key} ${timestamp}`
    last.set(key, { row, timestamp })
    rows.set(row, ((rows.get(row) as number | undefined) ?? 0) + value)
  }
  return rows
}

const sum = { init: () => 0, add: (total: number, value: number) => total + value, value: json<number>() }

const totalsOf = (records: readonly Plain[]) => fold(records, () => undefined) as Map<string, number>

const tables: Table[] = [
  {
    name: 'by key',
    job: (input) => job('random', input.groupByKey().aggregate('rows', sum)),
    rows: (records) => fold(records, () => undefined),
  },
  {
    name: 'by key, several folds',
    job: (input) =>
      job(
        'random',
        input.groupByKey().aggregate('rows', { n: count(), total: sumOf(), mean: avg(), top: max(), latest: last() }),
      ),
    rows: (records) =>
      new Map(
        [...Map.groupBy(records, ({ key }) => key)].map(([key, group]) => {
          const values = group.map(({ value }) => value)
          const total = values.reduce((before, value) => before + value, 0)
          const end = Math.max(...group.map(({ timestamp }) => timestamp))
          const latest = group.flatMap(({ value, timestamp }) => (timestamp === end ? [value] : []))
          const row = {
            n: group.length,
            total,
            mean: total / group.length,
            top: Math.max(...values),
            latest: Math.max(...latest),
          }
          return [key, row]
        }),
      ),
  },
  {
    name: 'by tumbling window',
    job: (input) => job('random', input.groupByKey().window(tumbling(50)).aggregate('rows', sum)),
    rows: (records) => fold(records, (at) => [at - (at % 50)]),
  },
  {
    name: 'by hopping window, final',
    job: (input) =>
      job(
        'random',
        input
          .groupByKey()
          .window(hopping(40, { advance: 20 }))
          .aggregate('rows', { ...sum, emit: 'final' }),
      ),
    rows: (records) => fold(records, (at) => [at - (at % 20), at - (at % 20) - 20]),
  },
  {
    name: 'by session',
    job: (input) =>
      job(
        'random',
        input
          .groupByKey()
          .window(sessions({ gap: 5 }))
          .aggregate('rows', { ...sum, merge: sum.add }),
      ),
    rows: (records) => foldSessions(records, 5),
  },
  {
    name: 'changes counted in a second stage',
    job: (input) =>
      job(
        'random',
        input
          .groupByKey()
          .aggregate('totals', sum)
          .changes()
          .groupBy((_, key) => key.slice(-1), string())
          .count('rows'),
      ),
    rows: (records) =>
      fold(
        records.map((record) => ({ ...record, key: record.key.slice(-1), value: 1 })),
        () => undefined,
      ),
  },
  {
    name: 'totals counted by a group that they change',
    job: (input) =>
      job(
        'random',
        input
          .groupByKey()
          .aggregate('totals', sum)
          .groupBy((total) => `${total % 3}`, string())
          .count('rows'),
      ),
    rows: (records) => {
      const rows = new Map<string, number>()
      for (const total of totalsOf(records).values()) rows.set(`${total % 3}`, (rows.get(`${total % 3}`) ?? 0) + 1)
      return rows
    },
  },
  {
    name: 'totals joined with some of them',
    job: (input) => {
      const totals = input.groupByKey().aggregate('totals', sum)
      return job(
        'random',
        totals.leftJoin(
          'rows',
          totals.filter((total) => total % 2 === 0),
          (total, even) => `${total} ${even}`,
        ),
      )
    },
    rows: (records) =>
      new Map([...totalsOf(records)].map(([key, total]) => [key, `${total} ${total % 2 === 0 ? total : null}`])),
  },
  {
    name: 'kept by callbacks',
    job: (input) => {
      const step = input.process('rows', {
        state: { sum: valueState(json<number>()) },
        onRecord: (value, _key, { state }) => state.sum.set((state.sum.get() ?? 0) + value),
      })
      return job('random', step.views.sum)
    },
    view: 'rows.sum',
    rows: (records) => fold(records, () => undefined),
  },
]

const plan = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  // A job can contain a repartition of one name only once.
  steps: fc.uniqueArray(fc.constantFrom(...steps), { maxLength: 4, selector: ({ name }) => name }),
  table: fc.constantFrom(...tables),
  values: fc.array(fc.record({ key: fc.integer({ min: 0, max: 6 }), value: fc.integer({ min: 0, max: 99 }) }), {
    minLength: 1,
    maxLength: 400,
  }),
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
  'random jobs over random records, cut off at random commits, come to what a fold by hand comes to',
  async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ partitions, steps: chosen, table, values, runs }) => {
        const world = await JobWorld.open()
        await world.topic('numbers', { partitions })
        const records: (TestRecord<number> & Plain)[] = values.map(({ key, value }, index) => ({
          key: `k${key}`,
          value,
          timestamp: 1000 + index,
          partition: key % partitions,
        }))
        const theJob = table.job(chosen.reduce((input, step) => step.onStream(input), stream(numbers)))
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
        const expected = table.rows(chosen.reduce((input: Plain[], step) => step.byHand(input), records))
        expect(await world.rows(theJob, table.view ?? 'rows')).toEqual(expected)
        await world.close()
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS),
)
