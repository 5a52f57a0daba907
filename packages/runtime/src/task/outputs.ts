import type {
  AfterFlush,
  GroupPosition,
  LogWriter,
  PartitionWriter,
  RecordGroup,
  TransactionalWriter,
} from '@millrace/core'
import { settleAll } from '@millrace/core/internal'

/** How a job's outputs relate to its state after a crash: see `ContainerOptions.guarantee`. */
export type Guarantee = 'exactly-once' | 'at-least-once'

/**
 * What a container's tasks append through, and what it commits with. The state, the input positions and the records in the
 * job's own topics always become visible together; the guarantee decides whether the records in other topics do too.
 */
export interface Outputs extends Omit<TransactionalWriter, 'transactionalId'> {
  /** Opens a partition of a topic that is not the job's own. Throws `TOPIC_MISSING`. */
  openOutput(topic: string, partition: number): Promise<PartitionWriter>
  /** Makes visible to readers what does not wait for a commit; called when a slice ends. */
  show(): void
}

/** Exactly-once: outputs become visible with the commit, or never. */
export class CommittedOutputs implements Outputs {
  protected readonly transactions: TransactionalWriter

  constructor(transactions: TransactionalWriter) {
    this.transactions = transactions
  }

  get backlogged(): boolean {
    return this.transactions.backlogged
  }

  openPartition(topic: string, partition: number): Promise<PartitionWriter> {
    return this.transactions.openPartition(topic, partition)
  }

  openOutput(topic: string, partition: number): Promise<PartitionWriter> {
    return this.openPartition(topic, partition)
  }

  openGroup(topic: string, partition: number): Promise<RecordGroup> {
    return this.transactions.openGroup(topic, partition)
  }

  show(): void {}

  flush(): Promise<AfterFlush> {
    return this.transactions.flush()
  }

  commit(groups: readonly RecordGroup[], ready?: Promise<unknown>): Promise<readonly GroupPosition[]> {
    return this.transactions.commit(groups, ready)
  }

  abort(): Promise<void> {
    return this.transactions.abort()
  }

  close(): Promise<void> {
    return this.transactions.close()
  }
}

/**
 * At-least-once: outputs are visible at the end of the slice that made them, and durable before the commit that covers them.
 * After a crash between the two they repeat; what is in the log stays there.
 */
export class EarlyOutputs extends CommittedOutputs {
  readonly #early: LogWriter

  constructor(transactions: TransactionalWriter, early: LogWriter) {
    super(transactions)
    this.#early = early
  }

  override get backlogged(): boolean {
    return super.backlogged || this.#early.backlogged
  }

  override openOutput(topic: string, partition: number): Promise<PartitionWriter> {
    return this.#early.openPartition(topic, partition)
  }

  override show(): void {
    this.#early.send()
  }

  override async flush(): Promise<AfterFlush> {
    const after = super.flush()
    await settleAll<unknown>([after, this.#early.flush()])
    return after
  }

  override commit(groups: readonly RecordGroup[], ready?: Promise<unknown>): Promise<readonly GroupPosition[]> {
    return super.commit(groups, settleAll<unknown>([this.#early.flush(), ready ?? Promise.resolve()]))
  }

  override async close(): Promise<void> {
    await settleAll([super.close(), this.#early.close()])
  }
}
