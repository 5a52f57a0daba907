import {
  ByteWriter,
  type Headers,
  type Log,
  type LogWriter,
  type PartitionWriter,
  type Serde,
  string,
} from '@millrace/core'
import { partitionOf } from '@millrace/core/internal'

const TEXT = string()

/** Appends records to a topic, each to the partition that Kafka's default partitioner gives its key. */
export class TopicAppender {
  readonly #writer: LogWriter
  readonly #partitions: readonly PartitionWriter[]
  readonly #key = new ByteWriter()
  #keyless = 0

  private constructor(writer: LogWriter, partitions: readonly PartitionWriter[]) {
    this.#writer = writer
    this.#partitions = partitions
  }

  static async open(log: Log, topic: string, partitions: number): Promise<TopicAppender> {
    const writer = log.openWriter()
    const opened = []
    for (let partition = 0; partition < partitions; partition++) {
      opened.push(await writer.openPartition(topic, partition))
    }
    return new TopicAppender(writer, opened)
  }

  /** The partition of a key. Records without a key go to the partitions in turn. */
  partitionOf(key: string | Uint8Array | null): number {
    if (key === null) return this.#keyless++ % this.#partitions.length
    this.#encode(key)
    return partitionOf(this.#key.buffer, 0, this.#key.position, this.#partitions.length)
  }

  append<V>(
    partition: number,
    timestamp: number,
    key: string | Uint8Array | null,
    value: V | null,
    serde: Serde<V>,
    headers: Headers,
  ): void {
    const writer = this.#partitions[partition]
    if (writer === undefined) throw new Error(`there is no partition ${partition}`)
    if (key !== null) this.#encode(key)
    writer.append(timestamp, key === null ? null : this.#key.buffer, 0, this.#key.position, value, serde, headers)
  }

  get backlogged(): boolean {
    return this.#writer.backlogged
  }

  flush(): Promise<void> {
    return this.#writer.flush()
  }

  close(): Promise<void> {
    return this.#writer.close()
  }

  #encode(key: string | Uint8Array): void {
    this.#key.clear()
    if (typeof key === 'string') TEXT.encode(key, this.#key)
    else this.#key.bytes(key)
  }
}
