import { type Log, RefusedError, type TopicDescription } from '@millrace/core'
import { topicPartitions } from '../topics/topic-partitions.ts'

/** A record that an import makes from a row. */
export interface MadeRecord {
  readonly key: string | Uint8Array | null
  /** Undefined if it is the time of the import, which differs in every import. */
  readonly timestamp: number | undefined
  readonly value: string | Uint8Array
}

/** A record as it stands in the topic. */
interface StoredRecord {
  readonly key: Buffer | null
  readonly timestamp: number
  readonly value: Buffer
}

/**
 * Decides which rows of a file an earlier import has already appended. The partition of a row depends on its key alone, and
 * rows keep their order in it. A partition with `n` records therefore holds the first `n` of its rows, and counting is
 * enough. The last record of each partition is compared with the row at its count, to check that the topic holds nothing
 * else.
 */
export interface Resume {
  /** Whether the next row of that partition is in the topic already. Throws `IMPORT_DIFFERS` if the topic holds something else. */
  skips(partition: number, record: MadeRecord): boolean
  /** Throws `IMPORT_DIFFERS` if the topic holds more than the files. */
  finish(): void
}

/** `files` is for messages. */
export async function openResume(log: Log, topic: TopicDescription, files: string): Promise<Resume> {
  const offsets = await topicPartitions(log, topic)
  const lastRecords = await Promise.all(
    offsets.map(({ end }, partition) => recordAt(log, topic.name, partition, end - 1)),
  )
  const seen = offsets.map(() => 0)
  return {
    skips(partition, record) {
      const { start, end } = offsets[partition] ?? { start: 0, end: 0 }
      const offset = seen[partition] ?? 0
      if (offset >= end) return false
      seen[partition] = offset + 1
      const last = lastRecords[partition]
      if (start > 0 || (offset === end - 1 && !(last !== undefined && isSame(last, record)))) {
        throw differs(topic.name, partition, end - 1, files)
      }
      return true
    },
    finish() {
      const partition = offsets.findIndex(({ end }, index) => (seen[index] ?? 0) < end)
      if (partition >= 0) throw differs(topic.name, partition, seen[partition] ?? 0, files)
    },
  }
}

async function recordAt(log: Log, topic: string, partition: number, offset: number): Promise<StoredRecord | undefined> {
  if (offset < 0) return undefined
  const reader = log.openReader()
  try {
    const from = await reader.assign(topic, partition, offset)
    const batch = from.poll()
    if (batch === undefined || !batch.next() || batch.valueStart < 0) return undefined
    const copy = (start: number, end: number) => Buffer.from(batch.bytes.subarray(start, end))
    const key = batch.keyStart < 0 ? null : copy(batch.keyStart, batch.keyEnd)
    return { key, timestamp: batch.timestamp, value: copy(batch.valueStart, batch.valueEnd) }
  } finally {
    await reader.close()
  }
}

function isSame(stored: StoredRecord, made: MadeRecord): boolean {
  const sameKey = made.key === null ? stored.key === null : stored.key?.equals(bytesOf(made.key)) === true
  const sameTime = made.timestamp === undefined || made.timestamp === stored.timestamp
  return sameKey && sameTime && stored.value.equals(bytesOf(made.value))
}

function bytesOf(content: string | Uint8Array): Buffer {
  return typeof content === 'string' ? Buffer.from(content) : Buffer.from(content)
}

function differs(topic: string, partition: number, offset: number, file: string): RefusedError {
  return new RefusedError(
    'IMPORT_DIFFERS',
    `Topic ${topic} does not hold the first rows of ${file} (partition ${partition}, offset ${offset} differs), so the import ` +
      'cannot be resumed. Import into another topic, or delete this one first',
    { topic, partition, offset, file },
  )
}
