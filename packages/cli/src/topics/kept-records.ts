import type { Log, PartitionOffsets, TopicDescription } from '@millrace/core'
import { type DataOptions, withLog } from '../data-option.ts'
import { count } from '../terminal/amounts.ts'
import { topicPartitions } from './topic-partitions.ts'

/** What was appended to a topic since a moment. */
export interface Appended {
  readonly topic: TopicDescription
  /** Its offsets at that moment, by partition. */
  readonly before: readonly PartitionOffsets[]
  readonly records: number
  /** How many of these were older than the topic's retention when they came. */
  readonly expired: number
}

/**
 * The effect of retention on the records, for a person; empty if it keeps all of them. Retention runs
 * in the background, and closing a log waits for it: call this after the log was closed.
 */
export async function retentionOutcome(options: DataOptions, appended: Appended): Promise<string> {
  const { topic, records, expired } = appended
  if (topic.cleanup !== 'delete' || (topic.retentionMs === null && topic.retentionBytes === null)) return ''
  const kept = await withLog(options, 'refuse', (log) => keptOf(log, appended))
  const deletedCount = Math.max(0, records - kept)
  const deleted =
    deletedCount > 0
      ? `; the topic's retention has deleted ${count(deletedCount)} of them, and kept ${count(records - deletedCount)}`
      : ''
  const expiring = expired - deletedCount
  if (expiring <= 0) return deleted
  const [are, their] = expiring === 1 ? ['is', 'its'] : ['are', 'their']
  return `${deleted}; ${count(expiring)} ${are} older than the topic's retention, and ${are} deleted when ${their} segment is closed`
}

/** How many of the records the topic still has. */
async function keptOf(log: Log, { topic, before }: Appended): Promise<number> {
  const now = await topicPartitions(log, topic)
  return now.reduce((sum, { start, end }, partition) => sum + end - Math.max(start, before[partition]?.end ?? 0), 0)
}
