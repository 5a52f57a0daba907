import { dictionary, ownValue } from './dictionary.ts'
import { RefusedError } from './errors/millrace-error.ts'

/**
 * How far an answer has come in its inputs: for each topic and partition, the offset of the first record that is not in it.
 * A missing partition counts as 0.
 */
export type Position = Readonly<Record<string, Readonly<Record<string, number>>>>

const PART = /^([A-Za-z0-9][A-Za-z0-9._-]{0,200})\/(\d{1,9})=(\d{1,16})$/

/** A position as text, `flights/0=1234,flights/1=99`, sorted; the empty position is the empty string. */
export function formatPosition(position: Position): string {
  const parts: string[] = []
  for (const [topic, partitions] of Object.entries(position).sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const [partition, offset] of Object.entries(partitions).sort(([a], [b]) => Number(a) - Number(b))) {
      parts.push(`${topic}/${partition}=${offset}`)
    }
  }
  return parts.join(',')
}

/** The inverse of `formatPosition`; throws `BAD_POSITION` for other text. */
export function parsePosition(text: string): Position {
  const position = dictionary<Record<string, number>>()
  if (text === '') return position
  for (const part of text.split(',')) {
    const match = PART.exec(part.trim())
    const offset = Number(match?.[3])
    if (match === null || !Number.isSafeInteger(offset)) {
      throw new RefusedError(
        'BAD_POSITION',
        `Text ${JSON.stringify(part)} is not a position. Write topic/partition=offset, several separated by commas`,
      )
    }
    const [, topic = '', partition = ''] = match
    position[topic] = { ...position[topic], [Number(partition)]: offset }
  }
  return position
}

/** The offset that a position has for a partition; undefined if the partition is missing. */
export function offsetIn(position: Position, topic: string, partition: string | number): number | undefined {
  const partitions = ownValue(position, topic)
  return partitions === undefined ? undefined : ownValue(partitions, partition)
}

/** Whether `position` has everything that `wanted` has. */
export function reaches(position: Position, wanted: Position): boolean {
  for (const [topic, partitions] of Object.entries(wanted)) {
    for (const [partition, offset] of Object.entries(partitions)) {
      if ((offsetIn(position, topic, partition) ?? 0) < offset) return false
    }
  }
  return true
}

/**
 * Whether a part of an answer, whose position is `position`, has everything in `wanted` that it depends on. It depends on the
 * partitions that `position` lists.
 */
export function reflects(position: Position, wanted: Position): boolean {
  for (const [topic, partitions] of Object.entries(wanted)) {
    for (const [partition, offset] of Object.entries(partitions)) {
      const reached = offsetIn(position, topic, partition)
      if (reached !== undefined && reached < offset) return false
    }
  }
  return true
}

/** For each partition, the greatest offset that any of the positions has. */
export function maximumPosition(positions: Iterable<Position>): Position {
  return combined(positions, Math.max)
}

/**
 * For each partition, the least offset that any of the positions has: what an answer from several parts reflects. A part lists every
 * partition that it depends on. So for a partition, parts that do not list it do not count.
 */
export function minimumPosition(positions: Iterable<Position>): Position {
  return combined(positions, Math.min)
}

/** The first `topic/partition` of `wanted` that none of the positions lists: it is never reached, or does not exist. */
export function unknownPartition(wanted: Position, positions: readonly Position[]): string | undefined {
  for (const [topic, partitions] of Object.entries(wanted)) {
    for (const partition of Object.keys(partitions)) {
      if (!positions.some((position) => offsetIn(position, topic, partition) !== undefined))
        return `${topic}/${partition}`
    }
  }
  return undefined
}

function combined(positions: Iterable<Position>, choose: (a: number, b: number) => number): Position {
  const all = dictionary<Record<string, number>>()
  for (const position of positions) {
    for (const [topic, partitions] of Object.entries(position)) {
      all[topic] ??= dictionary()
      const known = all[topic]
      for (const [partition, offset] of Object.entries(partitions)) {
        known[partition] = choose(known[partition] ?? offset, offset)
      }
    }
  }
  return all
}
