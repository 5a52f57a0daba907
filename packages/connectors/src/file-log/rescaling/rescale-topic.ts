import {
  type Env,
  FatalError,
  type OpenFile,
  type PartitionReader,
  type RescaledTopic,
  type Rescaling,
  type TopicDescription,
} from '@millrace/core'
import { topicRescaled } from '../../topic-errors.ts'
import { fillSettings } from '../../topic-settings.ts'
import { diskFailed } from '../errors.ts'
import { PartitionFiles } from '../partition/partition-files.ts'
import {
  partitionDirectory,
  rescaledDirectory,
  rescalingTopicDirectory,
  topicDirectory,
  topicsDirectory,
  transactionsDirectory,
} from '../paths.ts'
import { FileLogReader } from '../reading/file-log-reader.ts'
import { syncNames } from '../sync.ts'
import { TopicStore, tryLockRescaling } from '../topic-store.ts'
import type { ClosedWriters } from '../transactions/closed-writers.ts'
import type { TransactionFinisher } from '../transactions/finisher.ts'
import { reservedBytes } from '../writing/disk-reserve.ts'
import { copyRecords } from './copy-records.ts'
import { MergedRecords } from './merged-records.ts'
import { sealTopic, unsealTopic } from './seal-topic.ts'

/** What a rescaling needs from its log. */
interface RescaleContext {
  readonly env: Env
  readonly data: string
  readonly topics: TopicStore
  readonly finisher: TransactionFinisher
  readonly closed: ClosedWriters
}

/** Begins to give a topic another number of partitions: see `Log.rescale`. */
export async function rescaleTopic(context: RescaleContext, name: string, partitions: number): Promise<Rescaling> {
  const { env, data, topics } = context
  topics.require(name)
  const lock = tryLockRescaling(env.files, data, name)
  if (lock === undefined) throw topicRescaled(name)
  try {
    // What a process that died in the middle has left.
    await topics.finishRescale(name)
    const topic = topics.require(name)
    fillSettings(name, { ...topic, partitions })
    env.files.removeTree(rescalingTopicDirectory(data, name))
    checkRoom(context, topic)
    return new TopicRescaling(context, topic, partitions, lock)
  } catch (error) {
    lock.close()
    throw error
  }
}

/** Throws `LOG_FULL` if a topic's copy would take what is left to the commits of jobs. */
function checkRoom({ env: { files }, data }: RescaleContext, { name, partitions }: TopicDescription): void {
  const space = files.space(data)
  if (space === undefined) return
  let bytes = 0
  for (let partition = 0; partition < partitions; partition++) {
    const directory = partitionDirectory(data, name, partition)
    for (const file of files.list(directory)) bytes += files.stat(`${directory}/${file}`)?.bytes ?? 0
  }
  if (space.freeBytes >= bytes + reservedBytes(space)) return
  throw new FatalError(
    'LOG_FULL',
    `Topic ${name} cannot be rescaled, because its copy takes ${Math.ceil(bytes / 1024)} KiB, and the disk of ${data} has ` +
      `${Math.floor(space.freeBytes / 1024)} KiB, the last of which are for the commits of jobs. Nothing has changed. Free some space, and ` +
      'try again',
    { topic: name, file: data },
  )
}

class TopicRescaling implements Rescaling {
  readonly #context: RescaleContext
  readonly #topic: TopicDescription
  readonly #partitions: number
  /** A data directory that holds nothing but the copy. */
  readonly #making: string
  #lock: OpenFile | undefined
  #sealed = false
  /** Where the partitions end; undefined before the seal. */
  #ends: readonly number[] | undefined

  constructor(context: RescaleContext, topic: TopicDescription, partitions: number, lock: OpenFile) {
    this.#context = context
    this.#topic = topic
    this.#partitions = partitions
    this.#making = rescalingTopicDirectory(context.data, topic.name)
    this.#lock = lock
  }

  async seal(): Promise<readonly number[]> {
    const { env, data, finisher } = this.#context
    // Also if it fails: another process may have left some partitions sealed.
    this.#sealed = true
    this.#ends = await sealTopic(env, data, this.#topic, finisher)
    return this.#ends
  }

  async copy(): Promise<RescaledTopic> {
    const { env, data, finisher } = this.#context
    const { name: from, id: _, ...settings } = this.#topic
    const reader = new FileLogReader(env, data, 'committed', 'fsync', finisher, () => undefined)
    try {
      for (const directory of [topicsDirectory(this.#making), transactionsDirectory(this.#making)]) {
        env.files.makeDirectory(directory)
      }
      const made = new TopicStore(env, this.#making)
      const topic = await made.create(from, { ...settings, partitions: this.#partitions })
      await made.differFrom(topic, this.#context.topics.modifiedMs(from))
      const readers: PartitionReader[] = []
      for (let partition = 0; partition < this.#topic.partitions; partition++) {
        readers.push(await reader.assign(from, partition, this.#startOf(partition)))
      }
      const copied = await copyRecords(env, new MergedRecords(readers), this.#making, topic)
      for (const { partition, position } of readers) {
        // Otherwise records would be lost.
        if (position !== this.#ends?.[partition])
          throw new Error(`${from}/${partition} is copied up to ${position} only`)
      }
      return { topic, ...copied }
    } catch (error) {
      throw diskFailed(this.#making, error, { topic: from })
    } finally {
      await reader.close()
    }
  }

  #startOf(partition: number): number {
    const { env, data } = this.#context
    const files = new PartitionFiles(env.files, data, this.#topic.name, partition)
    try {
      return files.readTail()?.startOffset ?? 0
    } finally {
      files.close()
    }
  }

  async finish(): Promise<void> {
    const { env, data, topics, closed } = this.#context
    const { name } = this.#topic
    try {
      // Nothing can be committed to the former topic any more, and the journals must not miss it.
      await closed.forgetTopic(name)
      await syncNames(env.files, topicsDirectory(this.#making))
      // From here on, it is decided.
      env.files.rename(topicDirectory(this.#making, name), rescaledDirectory(data, name))
      this.#sealed = false
      await topics.finishRescale(name)
    } catch (error) {
      throw diskFailed(topicDirectory(data, name), error, { topic: name })
    }
  }

  async close(): Promise<void> {
    const { env, data } = this.#context
    const lock = this.#lock
    this.#lock = undefined
    if (lock === undefined) return
    try {
      if (this.#sealed) await unsealTopic(env, data, this.#topic)
      env.files.removeTree(this.#making)
    } finally {
      lock.close()
    }
  }
}
