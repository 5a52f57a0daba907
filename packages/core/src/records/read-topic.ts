import type { Batch } from '../contracts/batch.ts'
import type { Log, LogReader, PartitionReader } from '../contracts/log.ts'
import type { Serde } from '../contracts/serde.ts'
import type { Topic } from '../dsl/topic.ts'
import { RecordError } from '../errors/millrace-error.ts'
import type { Headers } from '../headers.ts'
import { offsetIn, type Position } from '../position.ts'
import { isKeyless } from '../serdes/no-key.ts'
import { noTopic } from './topic-writer.ts'

/** The longest single wait for records. An append ends the wait at once, and so does the signal. */
const WAIT_MS = 60_000

/** A record of a topic, decoded. */
export interface TopicRecord<K, V> {
  /** Null if the topic is defined without keys. */
  readonly key: K
  /** Null is a deletion: a record without a value. */
  readonly value: V | null
  /** The time that the record carries, ms since the epoch. */
  readonly timestamp: number
  readonly headers: Headers
  readonly partition: number
  readonly offset: number
}

/** Where `readTopic` begins and ends. */
export interface ReadTopicOptions {
  /**
   * `start`: all records. `end`: those that are appended from now on. A position: from its offsets on; partitions that it does
   * not name are read from their start. Default `start`.
   */
  readonly from?: 'start' | 'end' | Position
  /** End at what is in the topic now. Default false: wait for more. */
  readonly untilEnd?: boolean
  /** Ends the reading once it is aborted. */
  readonly signal?: AbortSignal
}

/**
 * Reads the committed records of a topic, decoded: for tests and small tools. The records of a partition come in their order;
 * records of several partitions come in any order. It stores no position: to miss no record across restarts, write a job.
 *
 * ```ts
 * for await (const { key, value } of readTopic(log, orders, { untilEnd: true })) console.log(key, value)
 * ```
 *
 * Throws `TOPIC_MISSING`, `RECORD_UNDECODABLE` and `KEY_MISSING` for a record that does not fit the topic's definition, and
 * `OFFSET_GONE` if the topic no longer has what it was to read.
 */
export async function* readTopic<K, V>(
  log: Log,
  topic: Topic<K, V>,
  { from = 'start', untilEnd = false, signal }: ReadTopicOptions = {},
): AsyncGenerator<TopicRecord<K, V>, void> {
  const reader = log.openReader()
  try {
    const partitions = await assignAll(log, reader, topic.name, from)
    const isAborted = () => signal?.aborted === true
    const isDone = ({ part, end }: Assigned) => untilEnd && part.position >= end
    while (!isAborted() && !partitions.every(isDone)) {
      let read = false
      for (const assigned of partitions) {
        const batch = isDone(assigned) ? undefined : assigned.part.poll()
        if (batch === undefined) continue
        read = true
        while (batch.next() && !(untilEnd && batch.offset >= assigned.end)) {
          yield recordOf(topic, batch)
          if (isAborted()) return
        }
      }
      if (!read && !partitions.every(isDone)) await reader.wait(WAIT_MS, signal)
    }
  } finally {
    await reader.close()
  }
}

/** A partition that is read, and its end when the reading began. */
interface Assigned {
  readonly part: PartitionReader
  readonly end: number
}

async function assignAll(
  log: Log,
  reader: LogReader,
  topic: string,
  from: 'start' | 'end' | Position,
): Promise<Assigned[]> {
  const description = await log.admin.describeTopic(topic)
  if (description === undefined) throw noTopic(topic, log)
  const assigned: Assigned[] = []
  for (let partition = 0; partition < description.partitions; partition++) {
    const { start, end } = await log.admin.offsets(topic, partition)
    const stated = typeof from === 'string' ? undefined : offsetIn(from, topic, partition)
    const offset = stated ?? (from === 'end' ? end : start)
    assigned.push({ part: await reader.assign(topic, partition, offset), end })
  }
  return assigned
}

function recordOf<K, V>(topic: Topic<K, V>, batch: Batch): TopicRecord<K, V> {
  const { partition, offset, timestamp, keyStart, keyEnd, valueStart, valueEnd } = batch
  return {
    key: keyOf(topic, batch, keyStart, keyEnd),
    value: valueStart < 0 ? null : decoded('value', topic.value, batch, valueStart, valueEnd),
    timestamp,
    headers: batch.headers(),
    partition,
    offset,
  }
}

function keyOf<K, V>(topic: Topic<K, V>, batch: Batch, start: number, end: number): K {
  // The key type of a topic without keys is null.
  if (isKeyless(topic.key)) return null as K
  if (start >= 0) return decoded('key', topic.key, batch, start, end)
  const { partition, offset } = batch
  throw new RecordError(
    'KEY_MISSING',
    `The record at ${topic.name}/${partition} offset ${offset} has no key, and the topic is defined with keys. Define it without ` +
      '"key", or correct what writes it',
    { topic: topic.name, partition, offset },
  )
}

function decoded<T>(what: string, serde: Serde<T>, batch: Batch, start: number, end: number): T {
  try {
    return serde.decode(batch.bytes, start, end)
  } catch (cause) {
    const { topic, partition, offset } = batch
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new RecordError(
      'RECORD_UNDECODABLE',
      `The ${what} of the record at ${topic}/${partition} offset ${offset} cannot be read as ${serde.name}: ${reason}. ` +
        "Correct the topic's serde, or what writes the topic",
      { topic, partition, offset, cause },
    )
  }
}
