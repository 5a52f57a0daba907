import type { GroupPosition, GroupWriter, Log, LogWriter, RecordGroup, TransactionalWriter } from '@millrace/core'
import { settleAll } from '@millrace/core/internal'

/**
 * What a container's tasks append through, and what it commits with: outputs, changelog groups and the positions in them.
 * A transactional writer is one: there, all become one fact.
 */
export interface Outputs extends Omit<TransactionalWriter, 'transactionalId'> {}

/** How a job's outputs stand to its state after a crash. */
export type Guarantee = 'exactly-once' | 'at-least-once'

/**
 * Outputs without transactions: they are flushed first, each group is committed on its own then. After a crash between the
 * two, outputs repeat; state does not. What was appended is visible at once, and cannot be taken back.
 */
export class FlushedOutputs implements Outputs {
  readonly #log: Log
  readonly #writer: LogWriter
  /** A writer has one group for a partition, and tasks of several subtopologies share a changelog partition. */
  readonly #groupWriters: LogWriter[] = []

  constructor(log: Log) {
    this.#log = log
    this.#writer = log.openWriter()
  }

  get backlogged(): boolean {
    return this.#writer.backlogged
  }

  openPartition(topic: string, partition: number) {
    return this.#writer.openPartition(topic, partition)
  }

  openGroup(topic: string, partition: number): Promise<RecordGroup> {
    const writer = this.#log.openWriter()
    this.#groupWriters.push(writer)
    return writer.openGroup(topic, partition)
  }

  flush(): Promise<void> {
    return this.#writer.flush()
  }

  async commit(groups: readonly RecordGroup[], ready?: Promise<unknown>): Promise<readonly GroupPosition[]> {
    await settleAll<unknown>([this.#writer.flush(), ready ?? Promise.resolve()])
    return settleAll(groups.map((group) => (group as GroupWriter).commit()))
  }

  async abort(): Promise<void> {
    // What is in the log stays there: that is what the guarantee says.
  }

  async close(): Promise<void> {
    await settleAll([this.#writer, ...this.#groupWriters].map((writer) => writer.close()))
  }
}
