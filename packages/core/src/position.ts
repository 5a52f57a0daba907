import { RefusedError } from './errors/millrace-error.ts'

/**
 * Where in its inputs an answer stands: for each topic and partition, the offset of the first record that is not in it.
 * A partition that is missing stands at 0.
 */
export type Position = Readonly<Record<string, Readonly<Record<string, number>>>>

const PART = /^([A-Za-z0-9][A-Za-z0-9._-]{0,200})\/(\d{1,9})=(\d{1,16})$/

/** A position as text, `flights/0=1234,flights/1=99`, sorted; the empty position is the empty string. */
export function formatPosition(position: Position): string {
  const parts: string[] = []
  for (const topic of Object.keys(position).sort()) {
    const partitions = position[topic] ?? {}
    for (const partition of Object.keys(partitions).sort((a, b) => Number(a) - Number(b))) {
      parts.push(`${topic}/${partition}=${partitions[partition]}`)
    }
  }
  return parts.join(',')
}

/** The inverse of `formatPosition`; throws `BAD_POSITION` for other text. */
export function parsePosition(text: string): Position {
  const position: Record<string, Record<string, number>> = {}
  if (text === '') return position
  for (const part of text.split(',')) {
    const match = PART.exec(part.trim())
    const offset = Number(match?.[3])
    if (match === null || !Number.isSafeInteger(offset)) {
      throw new RefusedError(
        'BAD_POSITION',
        `${JSON.stringify(part)} is no position: write topic/partition=offset, several separated by commas`,
      )
    }
    const [, topic = '', partition = ''] = match
    position[topic] = { ...position[topic], [Number(partition)]: offset }
  }
  return position
}

/** Whether `position` has everything that `wanted` has. */
export function reaches(position: Position, wanted: Position): boolean {
  for (const [topic, partitions] of Object.entries(wanted)) {
    for (const [partition, offset] of Object.entries(partitions)) {
      if ((position[topic]?.[partition] ?? 0) < offset) return false
    }
  }
  return true
}
