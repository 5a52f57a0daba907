import { isControl, isTransactional, producerOf } from '../../record-batch/batch-header.ts'
import { logDamaged } from '../errors.ts'
import type { TransactionOutcomes } from '../transactions/outcomes.ts'
import type { PartitionFiles } from './partition-files.ts'
import type { ScannedBatch } from './scan.ts'
import type { Tail } from './tail.ts'

/** Whether a batch holds records that count: it is not a marker, and not part of an aborted transaction. */
export function isCommitted(
  outcomes: TransactionOutcomes,
  files: PartitionFiles,
  base: number,
  batch: ScannedBatch,
  tail: Tail,
): boolean {
  const { buffer, at, position, baseOffset: offset } = batch
  if (isControl(buffer, at)) return false
  if (!isTransactional(buffer, at)) return true
  const outcome = outcomes.of(producerOf(buffer, at), { base, position, offset }, tail)
  if (outcome !== undefined) return outcome === 'committed'
  throw logDamaged(
    files.segmentPath(base),
    position,
    'the batch there belongs to a transaction that has ended, and no marker states how',
    { topic: files.topic, partition: files.partition, offset },
  )
}
