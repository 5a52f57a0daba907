import type { Log } from '@millrace/core'

/**
 * Where a partition begins and ends, also what is not decided yet: a task's own commits may stand behind another
 * container's open transaction, and a restore that stopped before that would go back behind them.
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
