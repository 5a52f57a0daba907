import type { Batch, Env, Log } from '@millrace/core'
import { wholeLog } from '../task/whole-log.ts'

/** How long one wait for a transaction's decision may take before the decision is looked up again. */
const WAIT_MS = 1000

/** What is read, and how other work gets its turn meanwhile. */
export interface ReadFrom {
  readonly log: Log
  readonly env: Env
  /** Leaves out what is not decided yet, and waits for nothing. Default false. */
  readonly committedOnly?: boolean
}

/**
 * Calls `take` with every batch of a partition that is there now, including batches that are not decided yet: it waits for
 * these, unless only what is committed is read. It begins at the offset `from`, or at the partition's start if that is later. It reads the next batch once `take` has returned, and other work, such as signs of life, has had its turn.
 */
export async function readPartition(
  { log, env, committedOnly = false }: ReadFrom,
  topic: string,
  partition: number,
  take: (batch: Batch) => void | Promise<void>,
  from = 0,
): Promise<void> {
  const { start: first, end } = await (committedOnly
    ? log.admin.offsets(topic, partition)
    : wholeLog(log, topic, partition))
  const start = Math.max(first, from)
  if (start >= end) return
  const reader = log.openReader()
  try {
    const batches = await reader.assign(topic, partition, start)
    while (batches.position < end) {
      const batch = batches.poll()
      if (batch !== undefined) {
        await take(batch)
        await env.timers.turn()
        continue
      }
      // Offsets of aborted transactions and of markers are passed without a batch.
      if (batches.position < end) await reader.wait(WAIT_MS)
    }
  } finally {
    await reader.close()
  }
}
