import { rmSync } from 'node:fs'
import { int32, type Job, json, readTopic, string, type Topic, topic, windowed } from '@millrace/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import { trials } from '../crash/extent.ts'
import { Cut, cutLog } from '../runtime/cut-log.ts'
import { JobWorld } from '../runtime/job-world.ts'

/** The number of random jobs of each kind of windows. MILLRACE_RANDOM_WINDOWS sets another. */
export const RUNS = Number(process.env['MILLRACE_RANDOM_WINDOWS'] ?? trials(9))

/** The records that all jobs read: numbers, under keys that are in any partition. */
export const numbers = topic('numbers', { key: string(), value: int32() })
/** What the jobs write. */
export const changes = topic('changes', { key: windowed(string()), value: json<readonly number[]>() })
export const finals = topic('finals', { key: windowed(string()), value: json<number>() })
export const fulls = topic('fulls', { key: string(), value: json<readonly number[]>() })
export const late = topic('late', { key: string(), value: int32() })

/** A record as it is produced. A null key is an error, which the jobs skip; a null value has nothing to add. */
export interface Sent {
  readonly key: string | null
  readonly value: number | null
  readonly timestamp: number
  readonly partition: number
}

/** A record with its number, and with the watermark of its partition. */
export interface Judged {
  readonly key: string
  readonly value: number
  readonly timestamp: number
  readonly watermark: number
}

/** The records of all partitions in the order in which they are produced, and how the job that reads them is interrupted. */
export const histories = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  records: fc.array(
    fc.record({
      key: fc.option(fc.constantFrom('a', 'b', 'c'), { freq: 12 }),
      isNull: fc.integer({ min: 0, max: 9 }).map((choice) => choice === 0),
      step: fc.integer({ min: 0, max: 12 }),
      back: fc.oneof(fc.constant(0), fc.nat(12), fc.nat(80)),
      partition: fc.nat(2),
    }),
    { minLength: 1, maxLength: 250, size: 'max' },
  ),
  cuts: fc.array(
    fc.record({
      point: fc.constantFrom('before commit', 'after commit'),
      countdown: fc.integer({ min: 1, max: 6 }),
      loseState: fc.boolean(),
      commitIntervalMs: fc.integer({ min: 1, max: 4 }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
})
export type History = typeof histories extends fc.Arbitrary<infer T> ? T : never

/** The records of a history, in any partitions, or all of a key in one. Each partition begins with one at time 0, so that none gets its first one after time has passed. */
export function sentIn({ partitions, records }: History, scattered: boolean): Sent[] {
  const first = Array.from({ length: partitions }, (_, partition) => {
    return { key: `first${partition}`, value: -1 - partition, timestamp: 0, partition }
  })
  let now = 0
  return [
    ...first,
    ...records.map(({ key, isNull, step, back, partition }, index) => {
      now += step
      return {
        key,
        value: isNull ? null : index,
        timestamp: Math.max(0, now - back),
        partition: (scattered ? partition : (key?.charCodeAt(0) ?? 0)) % partitions,
      }
    }),
  ]
}

/**
 * The records that a step adds, with what decides whether they are late; and the time that the step has reached for a key at
 * the end. Behind a repartition, that is the least of all partitions, else that of the key's partition.
 */
export function judged(
  sent: readonly Sent[],
  regrouped: boolean,
): { readonly records: Judged[]; readonly timeOf: (key: string) => number } {
  const watermarks = new Map<number, number>()
  const records = sent.flatMap(({ key, value, timestamp, partition }) => {
    // A record that is skipped moves no watermark.
    if (key === null) return []
    const watermark = Math.max(watermarks.get(partition) ?? 0, timestamp)
    watermarks.set(partition, watermark)
    return value === null ? [] : [{ key, value, timestamp, watermark }]
  })
  const least = Math.min(...watermarks.values())
  const partitions = new Map(sent.map(({ key, partition }) => [key, partition]))
  return { records, timeOf: (key) => (regrouped ? least : (watermarks.get(partitions.get(key) ?? 0) ?? 0)) }
}

/** What a job has left behind. */
export interface Left {
  /** By view: `key start end` → value. */
  readonly rows: ReadonlyMap<string, ReadonlyMap<string, unknown>>
  /** The rows that result if all changes are applied in their order. */
  readonly changed: ReadonlyMap<string, unknown>
  /** By row: the times of its changes, in their order. */
  readonly changeTimes: ReadonlyMap<string, readonly number[]>
  /** `key start end value @time`, sorted. */
  readonly finals: readonly string[]
  /** The results of windows that were full, in their order in each partition. */
  readonly fulls: readonly { readonly key: string; readonly value: readonly number[]; readonly timestamp: number }[]
  /** `key value @time`, sorted. */
  readonly late: readonly string[]
}

/** Runs a job over the records, in pieces; each run but the last is cut off at a commit, and some lose their state. */
export async function runHistory(job: Job, history: History, sent: readonly Sent[]): Promise<Left> {
  const world = await JobWorld.open()
  try {
    for (const { name } of [numbers, changes, finals, fulls, late])
      await world.topic(name, { partitions: history.partitions })
    const produce = (from: number, to: number) => world.produce('numbers', numbers.value, sent.slice(from, to))
    let produced = history.partitions
    await produce(0, produced)
    for (const [index, { point, countdown, loseState, commitIntervalMs }] of history.cuts.entries()) {
      const upTo = Math.max(produced, Math.round((sent.length * (index + 1)) / history.cuts.length))
      await produce(produced, upTo)
      produced = upTo
      const log = cutLog(world.log, point as 'before commit', countdown)
      const outcome = await world.runToEnd(job, { log, commitIntervalMs }).catch((error: unknown) => error)
      if (outcome !== undefined && !(outcome instanceof Cut)) throw outcome
      if (loseState) rmSync(world.stateDirectory, { recursive: true, force: true })
    }
    await world.runToEnd(job)
    return {
      rows: await rowsOf(world, job),
      ...(await applied(world)),
      finals: (await written(world, finals)).sort(),
      fulls: (await readAll(world, fulls)).map(({ value, ...rest }) => ({ ...rest, value: value ?? [] })),
      late: (await readAll(world, late)).map(({ key, value, timestamp }) => lateText(key, value, timestamp)).sort(),
    }
  } finally {
    await world.close()
  }
}

/** What a windowed aggregate should leave behind, computed without Millrace. */
export interface Expected {
  /** By `rowText`: the numbers of the records in a window, sorted. */
  readonly rows: ReadonlyMap<string, readonly number[]>
  readonly late: readonly Judged[]
  readonly grace: number
  /** See `judged`. */
  readonly timeOf: (key: string) => number
}

/** Compares the rows of view `rows`, its changes, the finals that count its records, and its late records. */
export function expectWindows(left: Left, expected: Expected): void {
  const { rows, grace, timeOf } = expected
  expect(left.rows.get('rows')).toEqual(rows)
  expect(left.changed).toEqual(rows)
  const closed = [...rows].filter(([row]) => endOf(row) + grace <= timeOf(keyOf(row)))
  expect(left.finals).toEqual(closed.map(([row, ids]) => finalText(row, ids.length, endOf(row) - 1)).sort())
  expect(left.late).toEqual(expected.late.map(({ key, value, timestamp }) => lateText(key, value, timestamp)).sort())
}

export function rowText(key: string, start: number, end: number): string {
  return `${key} ${start} ${end}`
}

export function keyOf(row: string): string {
  return row.split(' ')[0] ?? ''
}

export function endOf(row: string): number {
  return Number(row.split(' ')[2])
}

function finalText(row: string, value: unknown, time: number): string {
  return `${row} ${JSON.stringify(value)} @${time}`
}

function lateText(key: string, value: number | null, time: number): string {
  return `${key} ${value} @${time}`
}

async function rowsOf(world: JobWorld, job: Job): Promise<Map<string, Map<string, unknown>>> {
  const container = await world.start(job)
  try {
    const views = new Map<string, Map<string, unknown>>()
    for (const { name, parts } of container.views) {
      const rows = new Map<string, unknown>()
      views.set(name, rows)
      for (const { store } of parts) {
        for (const { key, window, value } of (await store.range({ limit: 10_000 })).entries) {
          rows.set(rowText(`${key}`, window?.start ?? 0, window?.end ?? 0), value)
        }
      }
    }
    return views
  } finally {
    await container.stop()
  }
}

async function applied(world: JobWorld): Promise<Pick<Left, 'changed' | 'changeTimes'>> {
  const changed = new Map<string, unknown>()
  const changeTimes = new Map<string, number[]>()
  for (const { key, value, timestamp } of await readAll(world, changes)) {
    const row = rowText(key.key, key.window.start, key.window.end)
    changeTimes.set(row, [...(changeTimes.get(row) ?? []), timestamp])
    if (value === null) changed.delete(row)
    else changed.set(row, value)
  }
  return { changed, changeTimes }
}

async function written(world: JobWorld, to: typeof finals): Promise<string[]> {
  return (await readAll(world, to)).map(({ key: { key, window }, value, timestamp }) =>
    finalText(rowText(key, window.start, window.end), value, timestamp),
  )
}

async function readAll<K, V>({ log }: JobWorld, from: Topic<K, V>) {
  const records: { readonly key: K; readonly value: V | null; readonly timestamp: number }[] = []
  for await (const record of readTopic(log, from, { untilEnd: true })) records.push(record)
  return records
}
