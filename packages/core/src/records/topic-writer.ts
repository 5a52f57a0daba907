import { amount } from '../amount.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import type { Clock } from '../contracts/env.ts'
import type { Log } from '../contracts/log.ts'
import type { Serde } from '../contracts/serde.ts'
import type { LogWriter, PartitionWriter, TransactionalWriter } from '../contracts/writers.ts'
import { PLAN } from '../dsl/plan-value.ts'
import type { Topic } from '../dsl/topic.ts'
import { MillraceError, RecordError, RefusedError } from '../errors/millrace-error.ts'
import { NO_HEADERS } from '../headers.ts'
import { partitionOf } from '../partitioner.ts'
import type { Position } from '../position.ts'
import { isKeyless } from '../serdes/no-key.ts'
import type { NewRecord } from './new-record.ts'
import { openSameTopic } from './open-same-topic.ts'

/** The smallest room for an encoded key; it grows with the keys. */
const KEY_ROOM = 64

/** The writer of a log that a topic's writer appends with: it may be shared with writers of other topics. */
export interface SharedWriter {
  readonly to: LogWriter | TransactionalWriter
  readonly clock: Clock
  /** Called by `TopicWriter.close`. */
  readonly close: () => Promise<void>
}

/**
 * Appends a program's records to a topic, as the topic's definition writes them. Made by `openTopicWriter`, or by
 * `Transactions.writer`.
 */
export class TopicWriter<K, V> {
  /** The topic's name. */
  readonly topic: string
  readonly #shared: SharedWriter
  readonly #partitions: readonly PartitionWriter[]
  readonly #keySerde: Serde<K>
  readonly #valueSerde: Serde<V>
  readonly #keyless: boolean
  readonly #timeOf: ((value: V, key: K) => number) | undefined
  readonly #key = new ByteWriter(KEY_ROOM)
  #turn = 0

  /** Not for programs: use `openTopicWriter`. */
  constructor(topic: Topic<K, V>, shared: SharedWriter, partitions: readonly PartitionWriter[]) {
    this.topic = topic.name
    this.#shared = shared
    this.#partitions = partitions
    this.#keySerde = topic.key
    this.#valueSerde = topic.value
    this.#keyless = isKeyless(topic.key)
    // At this boundary the plan's callback gets its types back: it was typed when the topic was defined.
    this.#timeOf = topic[PLAN].source.topic.timestamp as ((value: V, key: K) => number) | undefined
  }

  /** How many partitions the topic has. */
  get partitions(): number {
    return this.#partitions.length
  }

  /**
   * Appends a record, in the order of the calls. It is durable only after `flush`. Returns whether there is room for more: if
   * it returns false, await `flush` before the next call, or memory grows.
   *
   * ```ts
   * if (!orders.send({ key: 'ann', value: order })) await orders.flush()
   * ```
   *
   * Throws, and leaves the record out: `RECORD_UNENCODABLE` if the topic's serdes cannot write it, `KEY_MISSING`,
   * `RECORD_TOO_LARGE`, `BAD_TIMESTAMP`, `PARTITION_MISSING`. Any other error ends the writer: see `flush`.
   */
  send(record: NewRecord<K, V>): boolean {
    const { value, headers = NO_HEADERS } = record
    // The compiler checks that a record of a topic with keys has a key. For programs without types, `#encode` checks it.
    const key = record.key as K
    if (!this.#keyless) this.#encode(key)
    const timestamp = record.timestamp ?? this.#defaultTime(value, key)
    const to = this.#partition(record.partition ?? this.#home())
    try {
      to.append(
        timestamp,
        this.#keyless ? null : this.#key.buffer,
        0,
        this.#key.position,
        value,
        this.#valueSerde,
        headers,
      )
    } catch (cause) {
      throw cause instanceof MillraceError ? cause : this.#unencodable('value', this.#valueSerde, cause)
    }
    return !this.#shared.to.backlogged
  }

  /**
   * Sends records, waits while there is no room for more, and flushes at the end: then all of them are in the log, as `flush`
   * states. Rejects at the first record for which `send` throws: the records before it are sent, and may not be flushed.
   *
   * ```ts
   * await orders.sendAll([{ key: 'ann', value: first }, { key: 'bob', value: second }])
   * ```
   */
  async sendAll(records: Iterable<NewRecord<K, V>> | AsyncIterable<NewRecord<K, V>>): Promise<void> {
    // A loop that awaits would wait for a turn after each record of an array, too.
    if (Symbol.asyncIterator in records) {
      for await (const record of records) if (!this.send(record)) await this.flush()
    } else {
      for (const record of records) if (!this.send(record)) await this.flush()
    }
    await this.flush()
  }

  /**
   * Resolves when everything that was sent before the call is in the log, as durably as the log is set to. In a transaction it
   * resolves when that takes no more memory; the commit makes it durable. After it rejects, the writer is unusable, and what it
   * holds may or may not be in the log: close it and open another one.
   */
  async flush(): Promise<void> {
    await this.#shared.to.flush()
  }

  /**
   * The position after the writer's records that are in the log. After `flush`, or the commit of a transaction, these are all
   * that were sent before. A query of a view with this position as `after` reflects them.
   *
   * ```ts
   * await orders.sendAll([{ key: 'ann', value: order }])
   * const total = await client.view(totals).get('ann', { after: orders.position })
   * ```
   */
  get position(): Position {
    const written = this.#partitions.filter(({ nextOffset }) => nextOffset >= 0)
    if (written.length === 0) return {}
    return { [this.topic]: Object.fromEntries(written.map(({ partition, nextOffset }) => [partition, nextOffset])) }
  }

  /**
   * The partition of a key; for a topic without keys, the one whose turn it is. Throws `KEY_MISSING`, and
   * `RECORD_UNENCODABLE` if the topic's serde cannot write the key.
   */
  partitionOf(key: K): number {
    if (!this.#keyless) this.#encode(key)
    return this.#home()
  }

  /** Flushes and ends the writer. It ends also if the flush fails; then the returned promise rejects with that reason. */
  async close(): Promise<void> {
    try {
      await this.flush()
    } finally {
      await this.#shared.close()
    }
  }

  #defaultTime(value: V | null, key: K): number {
    return this.#timeOf === undefined || value === null ? this.#shared.clock.now() : this.#timeOf(value, key)
  }

  /** The partition of the encoded key. */
  #home(): number {
    const { length } = this.#partitions
    if (this.#keyless) return this.#turn++ % length
    return length === 1 ? 0 : partitionOf(this.#key.buffer, 0, this.#key.position, length)
  }

  #partition(number: number): PartitionWriter {
    const writer = this.#partitions[number]
    if (writer !== undefined) return writer
    throw new RefusedError(
      'PARTITION_MISSING',
      `Topic ${this.topic} has no partition ${number}. It has ${amount(this.#partitions.length, 'partition')}, counted from 0`,
      { topic: this.topic, partition: number },
    )
  }

  #encode(key: K): void {
    const out = this.#key
    out.clear()
    if (key === null || key === undefined) throw this.#keyMissing()
    try {
      this.#keySerde.encode(key, out)
    } catch (cause) {
      throw this.#unencodable('key', this.#keySerde, cause)
    }
  }

  #keyMissing(): RecordError {
    return new RecordError(
      'KEY_MISSING',
      `A record for topic ${this.topic} has no key. Give it one, or define the topic without "key"`,
      { topic: this.topic },
    )
  }

  #unencodable(what: string, serde: Pick<Serde<never>, 'name'>, cause: unknown): RecordError {
    const reason = cause instanceof Error ? cause.message : String(cause)
    return new RecordError(
      'RECORD_UNENCODABLE',
      `A record's ${what} cannot be written to topic ${this.topic} as ${serde.name}: ${reason}`,
      { topic: this.topic, cause },
    )
  }
}

/**
 * Opens a writer of a topic, for a program that appends records to a log. Any number of writers may append to a topic at the
 * same time. Close it, or what was not flushed is lost. Throws `TOPIC_MISSING`, and `TOPIC_RESCALED` if the topic is just
 * being replaced by one with another number of partitions; until it is, appends fail with the same error.
 *
 * ```ts
 * const writer = await openTopicWriter(log, orders)
 * await writer.sendAll([{ key: 'ann', value: { cents: 1200 } }])
 * await writer.close()
 * ```
 */
export async function openTopicWriter<K, V>(log: Log, topic: Topic<K, V>): Promise<TopicWriter<K, V>> {
  const to = log.openWriter()
  const close = () => to.close()
  try {
    return await topicWriterOver(log, topic, { to, clock: log.clock, close })
  } catch (error) {
    await close()
    throw error
  }
}

/** A writer of a topic that appends with a writer of the caller's. Throws `TOPIC_MISSING`, `TOPIC_RESCALED`. */
export async function topicWriterOver<K, V>(
  log: Log,
  topic: Topic<K, V>,
  shared: SharedWriter,
): Promise<TopicWriter<K, V>> {
  const { name } = topic
  const description = await log.admin.describeTopic(name)
  if (description === undefined) throw noTopic(name, log)
  const partitions = await openSameTopic(log, description, async () => {
    const opened: PartitionWriter[] = []
    for (let partition = 0; partition < description.partitions; partition++) {
      opened.push(await shared.to.openPartition(name, partition))
    }
    return opened
  })
  return new TopicWriter(topic, shared, partitions)
}

/** The error for a topic that a log does not have. */
export function noTopic(name: string, { kind, location }: Log): RefusedError {
  return new RefusedError(
    'TOPIC_MISSING',
    `The ${kind} log at ${location} has no topic ${name}. Create it first, or correct the name`,
    { topic: name },
  )
}
