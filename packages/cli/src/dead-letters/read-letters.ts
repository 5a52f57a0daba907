import type { Batch, Log, TopicDescription } from '@millrace/core'
import { type Letter, letterOf } from './sendable.ts'

/**
 * Reads the dead letters that a topic has now, partition by partition, each from an offset on. The cursor is at the letter during the call. It stops
 * once `take` returns false.
 */
export async function readLetters(
  log: Log,
  { name, partitions }: TopicDescription,
  from: readonly number[],
  take: (letter: Letter, batch: Batch) => boolean | Promise<boolean>,
): Promise<void> {
  const reader = log.openReader()
  try {
    for (let partition = 0; partition < partitions; partition++) {
      const { start, end } = await log.admin.offsets(name, partition)
      const part = await reader.assign(name, partition, Math.max(start, from[partition] ?? 0))
      while (part.position < end) {
        const batch = part.poll()
        if (batch === undefined) continue
        while (batch.next() && batch.offset < end) {
          if (!(await take(letterOf(batch.headers()), batch))) return
        }
      }
      part.close()
    }
  } finally {
    await reader.close()
  }
}
