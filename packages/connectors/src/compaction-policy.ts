import type { RecordCursor } from './record-batch/record-cursor.ts'

/** How long a deletion stays visible to readers that lag: Kafka's `delete.retention.ms`. */
export const TOMBSTONE_KEPT_MS = 24 * 60 * 60 * 1000

/**
 * Which records of a partition compaction keeps: the latest of each key, unless it is a tombstone that is old; and every
 * record without a key, which no later one could replace. First `note` all that is compacted, then ask.
 */
export class CompactionPolicy {
  readonly #latest = new Map<string, number>()
  readonly #tombstonesFrom: number

  /** Tombstones older than `TOMBSTONE_KEPT_MS` at the wall-clock time `nowMs` go. */
  constructor(nowMs: number) {
    this.#tombstonesFrom = nowMs - TOMBSTONE_KEPT_MS
  }

  /** Takes in the cursor's record; in offset order. */
  note(record: RecordCursor): void {
    if (record.keyStart >= 0) this.#latest.set(keyOf(record), record.offset)
  }

  keeps(record: RecordCursor): boolean {
    if (record.keyStart < 0) return true
    if (this.#latest.get(keyOf(record)) !== record.offset) return false
    return record.valueStart >= 0 || record.timestamp >= this.#tombstonesFrom
  }
}

/** A key's bytes as a string, one character a byte: a `Map` can hold it. */
function keyOf(record: RecordCursor): string {
  return record.bytes.latin1Slice(record.keyStart, record.keyEnd)
}
