import { NO_HEADERS, type RecordGroup, type Serde, string } from '@millrace/core'

/**
 * What the key of a record that joins the batches of a group begins with: the name of the task that wrote the group follows.
 * See `readChangelogKey`.
 */
export const PART_PREFIX = '\0\0\0'

/** The value of such a record if more batches follow. */
const MORE = 'more'
/** The value of such a record in the last batch. */
export const LAST = 'last'

/** What a log adds to a record's key and value: in Kafka's format 48 bytes at most. */
const RECORD_OVERHEAD_BYTES = 64

const text = string()

/**
 * One commit's part of a task's changelog: a group, with what a reader needs to recognize its end. A group of one batch is
 * whole as its batch is. If it has more, each batch but the last ends with a record that more follows, and the last one with
 * the record that closes the group: until a reader has that, it has only a part of the group.
 */
export class ChangelogRun {
  readonly #group: RecordGroup
  readonly #timestamp: number
  readonly #key: Buffer
  readonly #partBytes: number
  /** The records in the present batch. */
  #records = 0
  #several = false

  constructor(group: RecordGroup, task: string, timestamp: number) {
    this.#group = group
    this.#timestamp = timestamp
    this.#key = Buffer.from(PART_PREFIX + task)
    this.#partBytes = this.#key.length + MORE.length + RECORD_OVERHEAD_BYTES
  }

  /** Appends a record whose key and value have so many bytes. */
  append<V>(
    keyBytes: Buffer,
    keyStart: number,
    keyEnd: number,
    value: V | null,
    valueBytes: number,
    serde: Serde<V>,
  ): void {
    const group = this.#group
    // The record that joins or closes must fit into the same batch.
    if (this.#records > 0 && group.room < keyEnd - keyStart + valueBytes + this.#partBytes) {
      this.#part(MORE)
      group.endBatch()
      this.#several = true
      this.#records = 0
    }
    this.#records++
    group.append(this.#timestamp, keyBytes, keyStart, keyEnd, value, serde, NO_HEADERS)
  }

  /** Every record is appended. */
  close(): void {
    if (this.#several) this.#part(LAST)
  }

  #part(what: string): void {
    this.#group.append(this.#timestamp, this.#key, 0, this.#key.length, what, text, NO_HEADERS)
  }
}
