import { readTime, TIME_BYTES, writeTime } from '../bytes/sortable.ts'
import type { Serde } from '../contracts/serde.ts'
import { json } from './json.ts'

/** What a join by another key knows of a left row, whose changes come back from several places. */
export interface JoinProgress {
  /** The number of the newest change that has come back. */
  readonly version: number
  /** The changes after which the row has come to another place, and has not left the former one yet. */
  readonly came: readonly number[]
  /** The changes after which the row has left a place, and has not come to the next one yet. */
  readonly left: readonly number[]
}

const JSON_SERDE = json<JoinProgress>()

/** The version, the number of changes in `came`, these, and those in `left`; 8 bytes each. */
export const JOIN_PROGRESS: Serde<JoinProgress> = {
  name: 'join-progress',
  order: 'none',
  primitive: false,
  encode({ version, came, left }, out) {
    writeTime(out, version)
    // Most rows are at one place: there is nothing else to keep.
    if (came.length === 0 && left.length === 0) return
    writeTime(out, came.length)
    for (const change of came) writeTime(out, change)
    for (const change of left) writeTime(out, change)
  },
  decode(bytes, start, end) {
    if (end - start < TIME_BYTES || (end - start) % TIME_BYTES !== 0)
      throw new Error('the bytes are not a join-progress')
    const [version = 0, count = 0, ...changes] = Array.from({ length: (end - start) / TIME_BYTES }, (_, number) =>
      readTime(bytes, start + number * TIME_BYTES),
    )
    return { version, came: changes.slice(0, count), left: changes.slice(count) }
  },
  toJson: (progress) => progress,
  fromJson: (value) => JSON_SERDE.fromJson(value),
}
