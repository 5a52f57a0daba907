import { logDamaged } from '../errors.ts'
import type { PartitionFiles } from '../partition/partition-files.ts'
import { type ScannedBatch, scanBatches } from '../partition/scan.ts'
import type { Slices } from './slices.ts'

/** Other work gets its turn after so many batches at the latest: each may be a megabyte that is read and verified. */
const BATCHES_PER_SLICE = 16

/** Calls for every batch of a closed segment, until a call returns false. All batches must be whole. */
export async function eachClosedBatch(
  files: PartitionFiles,
  base: number,
  slices: Slices,
  each: (batch: ScannedBatch) => Promise<boolean>,
): Promise<void> {
  const file = files.openSegment(base, 'read')
  try {
    const size = file.size()
    let end = 0
    let count = 0
    for (const batch of scanBatches(file, 0, base, size)) {
      if (!(await each(batch))) return
      end = batch.position + batch.bytes
      count++
      if (count % BATCHES_PER_SLICE === 0 || slices.over) await slices.next()
    }
    if (end < size) throw logDamaged(file.path, end, 'the batch there is not whole', { topic: files.topic })
  } finally {
    file.close()
  }
}
