import type { GroupPosition, GroupWriter } from '@millrace/core'
import { recordsChecksum } from '../record-batch/batch-header.ts'
import { GroupBuilder } from '../record-batch/group-builder.ts'
import type { PartitionAppender } from './partition-appender.ts'

/** Commits groups to one partition, each on its own. */
export class FileGroupWriter extends GroupBuilder implements GroupWriter {
  readonly #appender: PartitionAppender
  readonly #sync: () => Promise<void>
  #committing: Promise<unknown> = Promise.resolve()

  /** `sync` makes durable what was appended. */
  constructor(appender: PartitionAppender, recordBytesMax: number, sync: () => Promise<void>) {
    super(recordBytesMax)
    this.#appender = appender
    this.#sync = sync
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
    await this.#sync()
    return position
  }

  async close(): Promise<void> {
    // What is closed under a commit would be another file by the time that the commit goes on.
    await this.#committing
    this.#appender.close()
  }
}
