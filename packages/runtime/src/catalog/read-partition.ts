import type { Batch, Env, Log } from '@millrace/core'
import { wholeLog } from '../task/whole-log.ts'

/** How long one wait for a transaction's decision may take before the decision is looked up again. */
const WAIT_MS = 1000

/** What is read, and how other work gets its turn meanwhile. */
export interface ReadFrom {
  readonly log: Log
  readonly env: Env
}

/**
 * Calls `take` with every batch of a partition that is there now, including batches that are not decided yet: it waits for
 * these. `from`: the offset to begin at; default: the start. It reads the next batch once `take` has returned, and other work, such as signs of life, has had its turn.
 */
export async function readPartition(
  { log, env }: ReadFrom,
  topic: string,
  partition: number,
  take: (batch: Batch) => void | Promise<void>,
  from?: number,
): Promise<void> {
  const { start, end } = await wholeLog(log, topic, partition)
  if ((from ?? start) >= end) return
  const reader = log.openReader()
  try {
    const batches = await reader.assign(topic, partition, from ?? start)
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
