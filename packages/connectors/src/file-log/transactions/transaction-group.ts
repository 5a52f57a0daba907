import { GroupBuilder } from '../../record-batch/group-builder.ts'
import type { PartitionAppender } from '../writing/partition-appender.ts'

/** A group of a transaction, and the partition that it is written to. */
export class TransactionGroup extends GroupBuilder {
  readonly appender: PartitionAppender

  constructor(appender: PartitionAppender, recordBytesMax: number, batchBytesMax: number) {
    super(recordBytesMax, batchBytesMax)
    this.appender = appender
  }
}
