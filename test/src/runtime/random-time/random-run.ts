import type { Guarantee } from '@millrace/runtime'
import { type Sources, withWatermarks } from '@millrace/testing/internal'
import fc from 'fast-check'
import { COMMIT_POINTS, type CommitPoint, guaranteeAt } from '../cut-log.ts'

/** A record of a source topic, identified by its number. */
export interface SourceRecord {
  readonly topic: string
  readonly partition: number
  readonly key: string
  readonly id: string
  readonly time: number
  /** Whether it has no value. */
  readonly deletion: boolean
}

interface RandomRecord {
  readonly topic: number
  readonly key: number
  /** How far the time of its partition advances. */
  readonly advance: number
  /** How far the record is behind that time. */
  readonly behind: number
  readonly deletion: boolean
}

/** Random records. */
export interface RandomRecords {
  readonly records: readonly RandomRecord[]
  /** The number of keys. A partition to which none of them belongs stays empty. */
  readonly keys: number
  /** How much later the time of each topic begins than the time of the first topic. */
  readonly skews: readonly number[]
  /** How much later the records of each topic and partition are appended, counted in records. */
  readonly lags: readonly number[]
}

const randomRecord: fc.Arbitrary<RandomRecord> = fc.record({
  topic: fc.nat(2),
  key: fc.nat(5),
  advance: fc.oneof({ weight: 9, arbitrary: fc.nat(9) }, { weight: 1, arbitrary: fc.nat(120) }),
  behind: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(80) }),
  deletion: fc.oneof({ weight: 19, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
})

export const randomRecords: fc.Arbitrary<RandomRecords> = fc.record({
  records: fc.array(randomRecord, { minLength: 1, maxLength: 60, size: 'max' }),
  keys: fc.integer({ min: 1, max: 6 }),
  skews: fc.array(fc.oneof(fc.constant(0), fc.nat(100)), { minLength: 3, maxLength: 3 }),
  lags: fc.array(fc.nat(40), { minLength: 9, maxLength: 9 }),
})

/** The records of a run in the order in which they are appended. */
export function recordsOf(random: RandomRecords, topics: readonly string[], partitions: number): SourceRecord[] {
  const { records, keys, skews, lags } = random
  const times = new Map<string, number>()
  const ordered = records.map((record, index) => {
    const number = record.topic % topics.length
    const key = record.key % keys
    const partition = key % partitions
    const place = `${number}/${partition}`
    const time = (times.get(place) ?? skews[number] ?? 0) + record.advance
    times.set(place, time)
    const made: SourceRecord = {
      topic: topics[number] ?? '',
      partition,
      key: `k${key}`,
      id: `${index}`,
      time: Math.max(0, time - record.behind),
      deletion: record.deletion,
    }
    return { at: index + (lags[3 * number + partition] ?? 0), record: made }
  })
  // The sort is stable: records of one partition stay in order.
  return ordered.sort((one, other) => one.at - other.at).map(({ record }) => record)
}

/** The records of each source partition, in order. */
export function sourcesOf(records: readonly SourceRecord[], topics: readonly string[], partitions: number): Sources {
  const sourceOf = (topic: string) =>
    Array.from({ length: partitions }, (_, partition) => {
      const there = records.filter((record) => record.topic === topic && record.partition === partition)
      return withWatermarks(there.map(({ key, id, time, deletion }) => ({ key, ids: deletion ? null : [id], time })))
    })
  return new Map(topics.map((topic) => [topic, sourceOf(topic)]))
}

/** A part of a run: containers start, records are appended, containers end. */
export interface RandomPhase {
  /** The share of the records that are appended in it, in percent of those that are left. */
  readonly share: number
  /** In how many pieces they are appended. In a batch run all are appended before it starts. */
  readonly pieces: number
  readonly batch: boolean
  readonly containers: number
  /** How many standbys each task has. */
  readonly standbys: number
  readonly commitIntervalMs: number
  /** How long a commit takes, in turns of the event loop. */
  readonly commitTurns: number
  /** How the first container is cut off, and the number of the commit at which that happens; undefined stops it cleanly. */
  readonly cut: { readonly point: CommitPoint; readonly countdown: number } | undefined
  /** Whether the containers are ended before everything is processed. */
  readonly skipsWait: boolean
  readonly loseState: boolean
  /** How much time passes after each piece. */
  readonly silenceMs: number
}

/** Shorter than some silences and longer than others. Two of those others together are longer than this. */
export const IDLE_AFTER_MS = 30_000

/** Without transactions a job has one container, and its commits can be cut elsewhere. */
export function randomPhases(guarantee: Guarantee): fc.Arbitrary<readonly RandomPhase[]> {
  const points = COMMIT_POINTS.filter((point) => guaranteeAt(point) === guarantee)
  const containersMax = guarantee === 'exactly-once' ? 3 : 1
  return fc.array(
    fc.record({
      share: fc.integer({ min: 10, max: 100 }),
      pieces: fc.integer({ min: 1, max: 4 }),
      batch: fc.boolean(),
      containers: fc.integer({ min: 1, max: containersMax }),
      standbys: fc.constantFrom(0, 0, 1, 2),
      commitIntervalMs: fc.constantFrom(1, 2, 5, 20),
      commitTurns: fc.constantFrom(0, 0, 5, 50),
      cut: fc.option(
        fc.record({
          point: fc.constantFrom(...points),
          countdown: fc.integer({ min: 1, max: 8 }),
        }),
        { nil: undefined },
      ),
      skipsWait: fc.boolean(),
      silenceMs: fc.constantFrom(0, 0, 20_000, 40_000),
      loseState: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    }),
    { maxLength: 4, size: 'max' },
  )
}
