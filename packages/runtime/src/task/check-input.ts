import { type Log, MillraceError, type PartitionReader, RefusedError } from '@millrace/core'
import type { BatchMark, InputCheckpoint } from '@millrace/core/internal'
import { type InputPlace, inputGone, inputLost } from './input-range.ts'

/**
 * Where a task begins to read an input, and where its partition starts and ends. Throws `INPUT_LOST` or `INPUT_GONE` if the log does
 * not have what comes next, and `LOG_PARTS_DIFFER` if it has another batch than the one that was processed last. `beginning`: where
 * a task without a checkpoint begins, if not at the partition's start.
 */
export async function findStart(
  log: Log,
  job: string,
  { topic, partition }: Pick<InputPlace, 'topic' | 'partition'>,
  checkpoint: InputCheckpoint | undefined,
  beginning?: number,
): Promise<{ readonly start: number; readonly end: number; readonly place: InputPlace }> {
  const { start, end } = await log.admin.offsets(topic, partition)
  const place = { job, topic, partition, offset: checkpoint?.offset ?? beginning ?? start }
  if (place.offset > end) throw inputLost(place, end)
  if (place.offset < start) throw inputGone(place, start)
  await checkInput(log, topic, partition, checkpoint?.batch)
  return { start, end, place }
}

/**
 * Throws `LOG_PARTS_DIFFER` if an input has another batch than the one that its task processed last: it was replaced by an
 * older copy, and has grown since. Batches that retention has deleted or compaction has rewritten cannot be compared any
 * more.
 */
async function checkInput(log: Log, topic: string, partition: number, mark: BatchMark | undefined): Promise<void> {
  if (mark === undefined) return
  const reader = log.openReader()
  try {
    if (holds(await reader.assign(topic, partition, mark.nextOffset - 1), mark)) return
    if (mark.nextOffset <= (await log.admin.rewrittenBefore(topic, partition))) return
  } finally {
    await reader.close()
  }
  throw new RefusedError(
    'LOG_PARTS_DIFFER',
    `The job has processed ${topic}/${partition} up to a batch that ends at offset ${mark.nextOffset}, but the log has another ` +
      `batch there: a copy from another moment replaced the input, and has grown since. Restore all of the data from one ` +
      `backup. Or run "millrace reset" for the job and delete its outputs, to compute everything from scratch`,
    { topic, partition, offset: mark.nextOffset },
  )
}

function holds(reader: PartitionReader, { nextOffset, checksum }: BatchMark): boolean {
  try {
    const batch = reader.poll()
    if (batch === undefined) return false
    if (batch.nextOffset === nextOffset && batch.checksum === checksum) return true
    // A repair puts an empty batch in the place of one that could not be read.
    return batch.baseOffset < nextOffset && !batch.next()
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'OFFSET_GONE') return true
    throw error
  }
}
