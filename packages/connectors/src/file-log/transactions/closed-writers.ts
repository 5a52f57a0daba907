import { type Env, FatalError, type FileSystem } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import type { Outcome } from '../../record-batch/control-batch.ts'
import type { Producer } from '../../record-batch/format.ts'
import { messageOf, writeFailed } from '../errors.ts'
import { committedBy } from '../partition/committed-producers.ts'
import { readTail } from '../partition/tail.ts'
import { partitionDirectory, topicDirectory, topicsDirectory, transactionsDirectory } from '../paths.ts'
import { type Version, VersionedFile, versionName } from '../versioned-file.ts'
import type { CommittedPartition, Decided } from './journal-record.ts'
import { readJournals } from './journals.ts'

/** A transactional id never starts with a dot. */
export const CLOSED_FILE = '.closed-writers'

/**
 * A producer is two numbers, some 30 bytes. Every container has one for each hour or so that it runs. With more than this
 * number, those that no partition knows any more are removed.
 */
const PRODUCERS_MAX = 1000

/** Used as the last commit of a producer that has none: less than every epoch. */
export const NO_COMMIT = -1

/** The commits of writers that have no journal any more. */
export interface ClosedRecord {
  /** The last commit of each: its producer's id, and the epoch; -1 for a producer that has committed nothing. */
  readonly producers: readonly Producer[]
  /** For every partition, the commit with the highest end. */
  readonly partitions: readonly CommittedPartition[]
  /** Ids of deleted topics that are still in a journal. */
  readonly deletedTopics: readonly string[]
}

const NOTHING: ClosedRecord = { producers: [], partitions: [], deletedTopics: [] }

/**
 * The file that keeps the commits of journals that are removed or overwritten: how far committed transactions reach in each
 * partition, and which producers they belong to. Every partition must match it and the journals.
 */
export class ClosedWriters {
  readonly #env: Env
  readonly #data: string

  constructor(env: Env, data: string) {
    this.#env = env
    this.#data = data
  }

  /** Adds a journal's commits, durably: afterwards the journal may drop them. */
  async add({ id, epoch, partitions }: Decided): Promise<void> {
    await this.#add([{ id, epoch }], partitions)
  }

  /** Adds the last commits of producers in partitions that come from a copy: their journals may be gone. */
  async addProducers(producers: readonly Producer[]): Promise<void> {
    if (producers.length > 0) await this.#add(producers, [])
  }

  /**
   * As `add`, for a journal that is taken from its owner, which may have committed nothing. The owner may be stopped in the
   * middle of an append, and finish it after the journal is removed: this entry shows that such an append is aborted.
   */
  async addFenced({ id }: Producer, decided: Decided | null): Promise<void> {
    const before = decided === null ? [] : [{ id: decided.id, epoch: decided.epoch }]
    await this.#add([{ id, epoch: NO_COMMIT }, ...before], decided?.partitions ?? [])
  }

  async #add(added: readonly Producer[], partitions: readonly CommittedPartition[]): Promise<void> {
    await this.#change((record) => ({
      ...record,
      producers: added.reduce(
        (producers, each) => [...producers.filter(({ id }) => id !== each.id), latest(producers, each)],
        record.producers,
      ),
      partitions: maximumOf([
        ...record.partitions,
        ...partitions.filter(({ topicId }) => !record.deletedTopics.includes(topicId)),
      ]),
    }))
  }

  /** Removes the topics with a name: the present one is about to be deleted, and a user has removed the others. */
  async forgetTopic(topic: string): Promise<void> {
    const isForgotten = (each: CommittedPartition) => each.topic === topic
    await this.#change((record) => ({
      ...record,
      partitions: record.partitions.filter((each) => !isForgotten(each)),
      deletedTopics: [
        ...record.deletedTopics,
        ...this.#namedByJournals().flatMap((each) => (isForgotten(each) ? each.topicId : [])),
      ],
    }))
  }

  /** A change may be made more than once: again to the record that another process has published meanwhile. */
  async #change(change: (record: ClosedRecord) => ClosedRecord): Promise<void> {
    const { files, random } = this.#env
    const directory = transactionsDirectory(this.#data)
    const versions = new VersionedFile(files, directory, CLOSED_FILE)
    try {
      for (;;) {
        const found = versions.read()
        const next = formatClosed(this.#pruned(change(parseClosed(directory, found))))
        if (await versions.publish(found.number, next, random.uuid())) return
      }
    } catch (error) {
      throw writeFailed(`${directory}/${CLOSED_FILE}`, error)
    }
  }

  #pruned({ producers, partitions, deletedTopics }: ClosedRecord): ClosedRecord {
    const named = new Set(this.#namedByJournals().map(({ topicId }) => topicId))
    return {
      producers: producers.length > PRODUCERS_MAX ? this.#knownOf(producers) : producers,
      partitions,
      deletedTopics: [...new Set(deletedTopics)].filter((id) => named.has(id)),
    }
  }

  #namedByJournals(): CommittedPartition[] {
    return readJournals(this.#env.files, this.#data).flatMap(({ decided }) => decided?.partitions ?? [])
  }

  /** The producers that at least one partition knows. */
  #knownOf(producers: readonly Producer[]): Producer[] {
    const { files } = this.#env
    const known = new Set<number>()
    for (const topic of files.list(topicsDirectory(this.#data))) {
      for (const partition of files.list(topicDirectory(this.#data, topic))) {
        const path = `${partitionDirectory(this.#data, topic, Number(partition))}/tail`
        if (files.stat(path) === undefined) continue
        const file = files.open(path, 'read')
        const tail = readTail(file)
        file.close()
        // A partition whose tail must be rebuilt may know any of them.
        if (tail === undefined) return [...producers]
        for (const { id } of committedBy(tail.committed)) known.add(id)
      }
    }
    return producers.filter(({ id }) => known.has(id))
  }
}

/** How a transaction ended whose journal was removed in order; undefined if it is not known. */
export function closedOutcome({ producers }: ClosedRecord, { id, epoch }: Producer): Outcome | undefined {
  const last = producers.find((each) => each.id === id)
  if (last === undefined || last.epoch > epoch) return undefined
  return last.epoch === epoch ? 'committed' : 'aborted'
}

/** The content of the file; empty if there is none. Throws `LOG_DAMAGED`. */
export function readClosed(files: FileSystem, data: string): ClosedRecord {
  const directory = transactionsDirectory(data)
  if (files.stat(directory) === undefined) return NOTHING
  return parseClosed(directory, new VersionedFile(files, directory, CLOSED_FILE).read())
}

function parseClosed(directory: string, { number, text }: Version): ClosedRecord {
  if (text === undefined) return NOTHING
  const path = `${directory}/${versionName(CLOSED_FILE, number)}`
  try {
    const { crc32c: checksum, ...record } = JSON.parse(text) as ClosedRecord & { readonly crc32c: unknown }
    if (checksum !== checksumOf(record)) throw new Error('its checksum is wrong')
    return record
  } catch (cause) {
    throw new FatalError(
      'LOG_DAMAGED',
      `File ${path}, which records how far committed transactions reach, is damaged: ${messageOf(cause)}. Restore it from a copy`,
      { file: path, cause },
    )
  }
}

/** A fenced writer may add later what other processes have already taken over. */
function latest(producers: readonly Producer[], producer: Producer): Producer {
  const known = producers.find(({ id }) => id === producer.id)
  return known !== undefined && known.epoch > producer.epoch ? known : producer
}

function maximumOf(partitions: readonly CommittedPartition[]): CommittedPartition[] {
  const maximum = new Map<string, CommittedPartition>()
  for (const each of partitions) {
    const name = `${each.topicId}/${each.partition}`
    if ((maximum.get(name)?.end ?? -1) < each.end) maximum.set(name, each)
  }
  return [...maximum.values()]
}

export function formatClosed(record: ClosedRecord): string {
  return `${JSON.stringify({ ...record, crc32c: checksumOf(record) })}\n`
}

function checksumOf(record: ClosedRecord): string {
  const bytes = Buffer.from(JSON.stringify(record))
  return crc32c(bytes, 0, bytes.length).toString(16).padStart(8, '0')
}
