import type { Log } from '@millrace/core'

/**
 * The start and the end of a partition, including what is not decided yet: a task's own commits may come after another
 * container's open transaction, and a restore that stopped before that transaction would return to a state before them.
 */
export async function wholeLog(log: Log, topic: string, partition: number): Promise<{ start: number; end: number }> {
  const { start } = await log.admin.offsets(topic, partition)
  const reader = log.openReader({ isolation: 'uncommitted' })
  try {
    return { start, end: (await reader.assign(topic, partition, start)).endOffset }
  } finally {
    await reader.close()
  }
}
