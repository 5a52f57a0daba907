import type { NewRecord, TopicWriter } from '@millrace/core'
import type { SeededRandom } from '../machine/seeded-random.ts'

/** The records of one partition of a topic, in their order. */
export interface Lane<R> {
  readonly partition: number
  readonly records: R[]
}

/** Records that come together: the job processes and commits all of them before the next ones come. */
export interface Piece<R> {
  readonly records: readonly R[]
  /** How far the clock may move after them. */
  readonly passesMs: number
}

/** About so many pieces at most: each costs a few commits. */
const PIECES_MAX = 12
/** Long enough for timers of a few seconds, which are due in the middle of a run. */
const PASSES_MS_MAX = 3000

/**
 * Splits records of a topic by the partitions to which a writer of the topic appends them, and states the partition in each. Throws
 * what `TopicWriter.partitionOf` throws.
 */
export function lanesOf<K, V>(writer: TopicWriter<K, V>, records: readonly NewRecord<K, V>[]): Lane<NewRecord<K, V>>[] {
  const lanes = new Map<number, Lane<NewRecord<K, V>>>()
  for (const record of records) {
    // The writer checks the key of a record that a program without types made.
    const partition = record.partition ?? writer.partitionOf(record.key as K)
    const lane = lanes.get(partition) ?? { partition, records: [] }
    lanes.set(partition, lane)
    lane.records.push({ ...record, partition })
  }
  return [...lanes.values()]
}

/**
 * Interleaves the records of partitions, and cuts them into pieces, as random numbers decide. Some partitions are ahead of others
 * for long: each has a weight, with which its next record is chosen. `apart`: whether a piece has records of partitions of one number
 * only, so that one task of a subtopology works at a time.
 */
export function scheduleOf<R>(lanes: readonly Lane<R>[], random: SeededRandom, apart = false): Piece<R>[] {
  const total = lanes.reduce((sum, { records }) => sum + records.length, 0)
  const recordsMax = Math.ceil((2 * total) / (1 + random.below(PIECES_MAX)))
  const waiting = lanes.map((lane) => ({ ...lane, at: 0, weight: random.between(0.05, 1) ** 2 }))
  const pieces: Piece<R>[] = []
  for (let first = chosen(waiting, random); first !== undefined; first = chosen(waiting, random)) {
    const { partition } = first
    const among = apart ? waiting.filter((lane) => lane.partition === partition) : waiting
    const size = 1 + random.below(recordsMax)
    pieces.push({ records: [...taken(among, size, random)], passesMs: random.below(PASSES_MS_MAX) })
  }
  return pieces
}

interface WaitingLane<R> extends Lane<R> {
  at: number
  readonly weight: number
}

function* taken<R>(lanes: readonly WaitingLane<R>[], count: number, random: SeededRandom): Generator<R> {
  for (let left = count; left > 0; left--) {
    const lane = chosen(lanes, random)
    if (lane === undefined) return
    yield* lane.records.slice(lane.at, ++lane.at)
  }
}

/** One of those that have records left, by their weights. */
function chosen<R>(lanes: readonly WaitingLane<R>[], random: SeededRandom): WaitingLane<R> | undefined {
  const open = lanes.filter(({ records, at }) => at < records.length)
  const total = open.reduce((sum, { weight }) => sum + weight, 0)
  let at = random.between(0, total)
  for (const lane of open) {
    at -= lane.weight
    if (at < 0) return lane
  }
  return open.at(-1)
}
