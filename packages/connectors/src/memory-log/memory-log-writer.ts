import type { LogWriter, PartitionWriter } from '@millrace/core'
import { MemoryPartitionWriter } from './memory-partition-writer.ts'
import type { MemoryTopics } from './memory-topics.ts'

/** Appends to any number of partitions. Nothing waits: a full batch is in the log at once. */
export class MemoryLogWriter implements LogWriter {
  readonly backlogged = false
  readonly #topics: MemoryTopics
  readonly #partitions = new Map<string, MemoryPartitionWriter>()
  /** The error that ended this writer. */
  #failure: { readonly error: unknown } | undefined

  constructor(topics: MemoryTopics) {
    this.#topics = topics
  }

  async openPartition(topic: string, partition: number): Promise<PartitionWriter> {
    this.#check()
    const name = `${topic}/${partition}`
    let writer = this.#partitions.get(name)
    if (writer === undefined) {
      const to = this.#topics.partition(topic, partition)
      writer = new MemoryPartitionWriter(to, this.#topics.require(topic).description.recordBytesMax)
      this.#partitions.set(name, writer)
    }
    return writer
  }

  send(): void {
    this.#check()
    try {
      for (const writer of this.#partitions.values()) writer.flush()
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }

  async flush(): Promise<void> {
    this.send()
  }

  async close(): Promise<void> {
    this.#failure ??= { error: new Error('This writer is closed. Open another one') }
    for (const each of this.#partitions.values()) each.close()
    this.#partitions.clear()
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
