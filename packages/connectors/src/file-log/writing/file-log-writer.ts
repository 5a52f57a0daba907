import type { Env, LogWriter, PartitionWriter, TopicDescription, WriterOptions } from '@millrace/core'
import { settleAll } from '@millrace/core/internal'
import type { Cleaning } from '../cleaning/cleaning.ts'
import { once } from '../once.ts'
import type { TopicStore } from '../topic-store.ts'
import { checkReserve } from './disk-reserve.ts'
import { FilePartitionWriter, QUEUED_BYTES_MAX } from './file-partition-writer.ts'
import { openAppender } from './open-appender.ts'
import type { Durability } from './partition-appender.ts'

export class FileLogWriter implements LogWriter {
  readonly #env: Env
  readonly #data: string
  readonly #topics: TopicStore
  readonly #durability: Durability
  readonly #cleaning: Cleaning
  readonly #partitions = new Map<string, Promise<FilePartitionWriter>>()
  /** The open writers, for the calls that cannot wait. */
  readonly #open: { readonly writer: FilePartitionWriter; readonly topic: TopicDescription }[] = []
  #flushing: Promise<void> = Promise.resolve()
  readonly #usesReserve: boolean
  #closed = false

  constructor(
    env: Env,
    data: string,
    topics: TopicStore,
    durability: Durability,
    cleaning: Cleaning,
    { usesReserve = false }: WriterOptions = {},
  ) {
    this.#env = env
    this.#data = data
    this.#topics = topics
    this.#durability = durability
    this.#cleaning = cleaning
    this.#usesReserve = usesReserve
  }

  get backlogged(): boolean {
    let bytes = 0
    for (const { writer } of this.#open) bytes += writer.queuedBytes
    return bytes > QUEUED_BYTES_MAX
  }

  async openPartition(topic: string, partition: number): Promise<PartitionWriter> {
    this.#checkOpen()
    return once(this.#partitions, `${topic}/${partition}`, async () => {
      const description = await this.#topics.requireDurable(topic)
      const appender = await openAppender(this.#env, this.#data, description, partition)
      const writer = new FilePartitionWriter(
        topic,
        partition,
        appender,
        description.recordBytesMax,
        undefined,
        this.#usesReserve ? undefined : () => checkReserve(this.#env, this.#data),
      )
      this.#open.push({ writer, topic: description })
      return writer
    })
  }

  send(): void {
    this.#checkOpen()
    const left = this.#open.filter(({ writer }) => !writer.tryDrain())
    if (left.length === 0) return
    // A process that holds a lock releases it soon. The partition's writer keeps an error for the next call.
    this.#flushing = this.#flushing
      .then(() => settleAll(left.map(({ writer }) => writer.drain())))
      .then(() => undefined)
    this.#flushing.catch(() => undefined)
  }

  async flush(): Promise<void> {
    this.#checkOpen()
    // One after the other: a flush that overtook another would sync bytes that the other has not written yet.
    this.#flushing = this.#flushing.then(() => this.#flush())
    return this.#flushing
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#flushing.catch(() => undefined)
    for (const { writer } of this.#open) writer.close()
    this.#open.length = 0
    this.#partitions.clear()
  }

  #checkOpen(): void {
    if (this.#closed) throw new Error('This writer is closed. Open another one')
  }

  async #flush(): Promise<void> {
    await settleAll(
      this.#open.map(async ({ writer, topic }) => {
        await writer.drain()
        await this.#sync(writer, topic, writer.partition)
      }),
    )
  }

  async #sync(
    synced: { sync(durability: Durability): Promise<boolean> },
    topic: TopicDescription,
    partition: number,
  ): Promise<void> {
    const rolled = await this.#cleaning.syncing(() => synced.sync(this.#durability))
    if (rolled) this.#cleaning.behind(topic, partition)
  }
}
