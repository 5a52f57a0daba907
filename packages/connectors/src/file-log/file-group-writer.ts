import type { GroupPosition, GroupWriter } from '@millrace/core'
import { recordsChecksum } from '../record-batch/batch-header.ts'
import { GroupBuilder } from '../record-batch/group-builder.ts'
import type { Durability, PartitionAppender } from './partition-appender.ts'

/** Commits groups to one partition, each on its own. */
export class FileGroupWriter extends GroupBuilder implements GroupWriter {
  readonly #appender: PartitionAppender
  readonly #durability: Durability
  readonly #rolled: () => void
  #committing: Promise<unknown> = Promise.resolve()

  /** `rolled` is told when the group's partition began a new segment. */
  constructor(appender: PartitionAppender, recordBytesMax: number, durability: Durability, rolled: () => void) {
    super(recordBytesMax)
    this.#appender = appender
    this.#durability = durability
    this.#rolled = rolled
  }

  commit(): Promise<GroupPosition> {
    const committing = this.#commit()
    this.#committing = committing.catch(() => undefined)
    return committing
  }

  async #commit(): Promise<GroupPosition> {
    this.#appender.check()
    const batch = this.seal()
    const nextOffset = await this.#appender.append(batch)
    const position = { nextOffset, checksum: recordsChecksum(batch, 0) }
    this.discard()
    if (await this.#appender.sync(this.#durability)) this.#rolled()
    return position
  }

  async close(): Promise<void> {
    // What is closed under a commit would be another file by the time that the commit goes on.
    await this.#committing
    this.#appender.close()
  }
}
