import type { Env } from '@millrace/core'
import {
  baseTimestamp,
  deleteHorizonMs,
  isCompressed,
  isControl,
  isTransactional,
  maxTimestamp,
  producerOf,
  recordCount,
} from '../../record-batch/batch-header.ts'
import { RecordCursor } from '../../record-batch/record-cursor.ts'
import { checkPartition } from '../../topic-errors.ts'
import { openIfThere } from '../if-there.ts'
import { partitionDirectory } from '../paths.ts'
import { type SegmentFile, takeSnapshot } from './snapshot.ts'
import { checkDataDirectory, countPartitions } from './verify-log.ts'
import { type WalkedBatch, type WalkedDamage, walkSegment } from './walk-segment.ts'

/** A whole batch, as its header describes it. */
export interface DumpedBatch {
  readonly kind: 'batch'
  readonly file: string
  readonly position: number
  readonly bytes: number
  readonly baseOffset: number
  readonly nextOffset: number
  readonly records: number
  readonly baseTimestamp: number
  /** When compaction may drop its tombstones; 0 once some are dropped, null while there are none to drop. */
  readonly deleteHorizonMs: number | null
  readonly maxTimestamp: number
  /** -1 if the batch has no producer. */
  readonly producerId: number
  readonly producerEpoch: number
  readonly transactional: boolean
  readonly control: boolean
  readonly compressed: boolean
  /**
   * Positioned before the first requested record of the batch, until the dump continues. The caller must not read it if the batch
   * is compressed.
   */
  readonly cursor: RecordCursor
}

/** Bytes that are not a whole batch of the partition. */
export interface DumpedDamage {
  readonly kind: 'damage' | 'torn'
  readonly file: string
  readonly position: number
  readonly end: number
  /** The offset that should be there. */
  readonly offset: number
  /** The offset of the next whole batch; undefined if none follows. */
  readonly nextOffset: number | undefined
  readonly what: string
}

/**
 * Returns everything in a partition from the batch that holds `offset`, and continues after damage; nothing is changed.
 * Throws `FILE_MISSING`, `DATA_VERSION`, `DATA_OWNER`, `TOPIC_MISSING`, `PARTITION_MISSING`.
 */
export async function* dumpPartition(
  env: Env,
  data: string,
  topic: string,
  partition: number,
  offset: number,
): AsyncGenerator<DumpedBatch | DumpedDamage, void, undefined> {
  await checkDataDirectory(env, data)
  checkPartition(topic, partition, countPartitions(env, data, topic))
  const { segments, tail, quiet } = takeSnapshot(env.files, partitionDirectory(data, topic, partition), false)
  const cursor = new RecordCursor(topic, partition)
  let expected = 0
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1]
    const isBefore = next !== undefined && next.base <= Math.max(offset, tail?.startOffset ?? 0)
    // What a cut-off compaction left is also in the segment before.
    if (isBefore || segment.base < expected) continue
    const file = openIfThere(env.files, segment.path)
    if (file === undefined) continue
    try {
      const known = next === undefined ? tail?.activeBytes : segment.bytes
      const limit = quiet || next !== undefined ? file.size() : Math.min(file.size(), known ?? 0)
      const offsetMax = Number.MAX_SAFE_INTEGER
      const walk = { position: 0, offset: segment.base, limit, nextBase: next?.base, offsetMax }
      for (const walked of walkSegment(file, walk)) {
        expected = walked.nextOffset ?? expected
        if ((walked.nextOffset ?? Number.POSITIVE_INFINITY) <= offset) continue
        yield walked.kind === 'batch' ? batch(segment, walked, cursor, offset) : damage(segment, walked, known)
      }
    } finally {
      file.close()
    }
  }
}

function batch(segment: SegmentFile, walked: WalkedBatch, cursor: RecordCursor, offset: number): DumpedBatch {
  const { position, bytes, baseOffset, nextOffset, buffer } = walked
  const compressed = isCompressed(buffer, 0)
  if (!compressed) cursor.open(buffer, 0, offset)
  const producer = producerOf(buffer, 0)
  return {
    kind: 'batch',
    file: segment.path,
    position,
    bytes,
    baseOffset,
    nextOffset,
    records: recordCount(buffer, 0),
    baseTimestamp: baseTimestamp(buffer, 0),
    deleteHorizonMs: deleteHorizonMs(buffer, 0) ?? null,
    maxTimestamp: maxTimestamp(buffer, 0),
    producerId: producer.id,
    producerEpoch: producer.epoch,
    transactional: isTransactional(buffer, 0),
    control: isControl(buffer, 0),
    compressed,
    cursor,
  }
}

function damage(segment: SegmentFile, walked: WalkedDamage, known: number | undefined): DumpedDamage {
  const { position, end, offset, nextOffset, what } = walked
  const isTorn = nextOffset === undefined && position >= (known ?? 0)
  return { kind: isTorn ? 'torn' : 'damage', file: segment.path, position, end, offset, nextOffset, what }
}
