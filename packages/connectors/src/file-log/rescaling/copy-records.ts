import { type Batch, type ByteWriter, type Env, NO_HEADERS, type Serde, type TopicDescription } from '@millrace/core'
import { partitionOf } from '@millrace/core/internal'
import { Slices } from '../cleaning/slices.ts'
import { partitionDirectory } from '../paths.ts'
import { syncNames } from '../sync.ts'
import { FilePartitionWriter } from '../writing/file-partition-writer.ts'
import { openAppender } from '../writing/open-appender.ts'
import type { MergedRecords } from './merged-records.ts'

/** Copies records to the partitions of a topic that no other process uses, durably. Returns where each partition ends, and how many there are. */
export async function copyRecords(
  env: Env,
  records: MergedRecords,
  data: string,
  topic: TopicDescription,
): Promise<{ readonly ends: readonly number[]; readonly records: number }> {
  const slices = new Slices(env)
  const writers: FilePartitionWriter[] = []
  const sync = async () => {
    for (const writer of writers) {
      await writer.drain()
      await writer.sync('fsync')
    }
  }
  const counts: number[] = []
  try {
    for (let partition = 0; partition < topic.partitions; partition++) {
      const appender = await openAppender(env, data, topic, partition)
      writers.push(new FilePartitionWriter(topic.name, partition, appender, topic.recordBytesMax))
      counts.push(0)
    }
    let turn = 0
    let copied = 0
    for (let record = records.next(); record !== undefined; record = records.next()) {
      const to = record.keyStart < 0 ? turn++ % topic.partitions : homeOf(record, topic.partitions)
      const writer = writers[to]
      if (writer === undefined) throw new Error(`Topic ${topic.name} has no partition ${to}`)
      append(writer, record)
      counts[to] = (counts[to] ?? 0) + 1
      copied += bytesOf(record)
      // A segment that is full is closed by the sync.
      if (copied >= topic.segmentBytes) {
        await sync()
        copied = 0
      }
      if (slices.overAfterStep()) await slices.next()
    }
    await sync()
    for (let partition = 0; partition < topic.partitions; partition++) {
      await syncNames(env.files, partitionDirectory(data, topic.name, partition))
    }
  } finally {
    for (const writer of writers) writer.close()
  }
  return { ends: counts, records: counts.reduce((sum, count) => sum + count, 0) }
}

function homeOf({ bytes, keyStart, keyEnd }: Batch, partitions: number): number {
  return partitionOf(bytes, keyStart, keyEnd, partitions)
}

/** About the size of a record in the file. */
function bytesOf({ keyStart, keyEnd, valueStart, valueEnd }: Batch): number {
  return keyEnd - keyStart + valueEnd - valueStart
}

function append(writer: FilePartitionWriter, record: Batch): void {
  const { timestamp, bytes, keyStart, keyEnd, valueStart } = record
  const headers = record.headers()
  const key = keyStart < 0 ? null : bytes
  const value = valueStart < 0 ? null : record
  writer.append(timestamp, key, keyStart, keyEnd, value, SAME_VALUE, headers.length === 0 ? NO_HEADERS : headers)
}

/** Writes the value of the record that a cursor is at, unchanged. */
const SAME_VALUE: Serde<Batch> = {
  name: 'raw',
  order: 'bytes',
  primitive: false,
  encode({ bytes, valueStart, valueEnd }: Batch, out: ByteWriter): void {
    out.bytes(bytes, valueStart, valueEnd)
  },
  decode: refuse,
  toJson: refuse,
  fromJson: refuse,
}

function refuse(): never {
  throw new Error('Records that are copied are only written')
}
