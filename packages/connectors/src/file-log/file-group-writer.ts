import type { GroupPosition, GroupWriter, Headers, Serde } from '@millrace/core'
import { BatchBuilder } from '../record-batch/batch-builder.ts'
import { recordsChecksum } from '../record-batch/batch-header.ts'
import type { Durability, PartitionAppender } from './partition-appender.ts'

/** A group is one batch, however large: its checksum makes it whole or nothing. */
export class FileGroupWriter implements GroupWriter {
  readonly #appender: PartitionAppender
  readonly #builder: BatchBuilder
  readonly #durability: Durability
  readonly #rolled: () => void
  #committing: Promise<unknown> = Promise.resolve()

  /** `rolled` is told when the group's partition began a new segment. */
  constructor(appender: PartitionAppender, recordBytesMax: number, durability: Durability, rolled: () => void) {
    this.#appender = appender
    this.#builder = new BatchBuilder(recordBytesMax)
    this.#durability = durability
    this.#rolled = rolled
  }

  get bytes(): number {
    return this.#builder.count === 0 ? 0 : this.#builder.bytes
  }

  append<V>(
    timestamp: number,
    keyBytes: Buffer | null,
    keyStart: number,
    keyEnd: number,
    value: V | null,
    serde: Serde<V>,
    headers: Headers,
  ): void {
    this.#builder.append(timestamp, keyBytes, keyStart, keyEnd, value, serde, headers)
  }

  commit(): Promise<GroupPosition> {
    const committing = this.#commit()
    this.#committing = committing.catch(() => undefined)
    return committing
  }

  async #commit(): Promise<GroupPosition> {
    this.#appender.check()
    if (this.#builder.count === 0) throw new Error('An empty group cannot be committed')
    const batch = this.#builder.finish(0)
    const nextOffset = await this.#appender.append(batch)
    const position = { nextOffset, checksum: recordsChecksum(batch, 0) }
    this.#builder.clear()
    if (await this.#appender.sync(this.#durability)) this.#rolled()
    return position
  }

  discard(): void {
    this.#builder.clear()
  }

  async close(): Promise<void> {
    // What is closed under a commit would be another file by the time that the commit goes on.
    await this.#committing
    this.#appender.close()
  }
}
