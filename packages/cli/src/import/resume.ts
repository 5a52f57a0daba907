import { type Log, RefusedError, type TopicDescription } from '@millrace/core'
import { topicPartitions } from '../topics/topic-partitions.ts'

/** A record as an import makes it of a row. */
export interface MadeRecord {
  readonly key: string
  readonly timestamp: number
  readonly value: string
}

/**
 * Which rows of a file an earlier import has appended already. A row's partition depends on its key alone and rows keep
 * their order there, so that a partition with `n` records holds the first `n` of its rows: counting is enough. That the
 * topic holds nothing else is checked at the last record of each partition, which must be the row that counting says.
 */
export interface Resume {
  /** Whether the next row of that partition is in the topic already. Throws `IMPORT_DIFFERS` where the topic says otherwise. */
  skips(partition: number, record: MadeRecord): boolean
  /** Throws `IMPORT_DIFFERS` where the topic holds more than the file. */
  finish(): void
}

export async function openResume(log: Log, topic: TopicDescription, file: string): Promise<Resume> {
  const offsets = await topicPartitions(log, topic)
  const lasts = await Promise.all(offsets.map(({ end }, partition) => recordAt(log, topic.name, partition, end - 1)))
  const seen = offsets.map(() => 0)
  return {
    skips(partition, record) {
      const { start, end } = offsets[partition] ?? { start: 0, end: 0 }
      const offset = seen[partition] ?? 0
      if (offset >= end) return false
      seen[partition] = offset + 1
      const last = lasts[partition]
      if (start > 0 || (offset === end - 1 && !(last !== undefined && equal(last, record)))) {
        throw differs(topic.name, partition, end - 1, file)
      }
      return true
    },
    finish() {
      const partition = offsets.findIndex(({ end }, index) => (seen[index] ?? 0) < end)
      if (partition >= 0) throw differs(topic.name, partition, seen[partition] ?? 0, file)
    },
  }
}

async function recordAt(log: Log, topic: string, partition: number, offset: number): Promise<MadeRecord | undefined> {
  if (offset < 0) return undefined
  const reader = log.openReader()
  try {
    const from = await reader.assign(topic, partition, offset)
    const batch = from.poll()
    if (batch === undefined || !batch.next() || batch.keyStart < 0 || batch.valueStart < 0) return undefined
    const text = (start: number, end: number) => batch.bytes.toString('utf8', start, end)
    const key = text(batch.keyStart, batch.keyEnd)
    return { key, timestamp: batch.timestamp, value: text(batch.valueStart, batch.valueEnd) }
  } finally {
    await reader.close()
  }
}

function equal(a: MadeRecord, b: MadeRecord): boolean {
  return a.key === b.key && a.timestamp === b.timestamp && a.value === b.value
}

function differs(topic: string, partition: number, offset: number, file: string): RefusedError {
  return new RefusedError(
    'IMPORT_DIFFERS',
    `Topic ${topic} holds something else than the first rows of ${file} (partition ${partition}, offset ${offset}), so the import ` +
      'cannot go on where it ended: import into another topic, or delete this one first',
    { topic, partition, offset, file },
  )
}
