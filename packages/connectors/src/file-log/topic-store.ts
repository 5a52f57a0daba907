import {
  type Env,
  FatalError,
  type FileSystem,
  MillraceError,
  type OpenFile,
  type TopicDescription,
  type TopicSettings,
} from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import { checkName } from '@millrace/core/internal'
import { topicExists, topicMissing, topicRescaled } from '../topic-errors.ts'
import { fillSettings } from '../topic-settings.ts'
import { readText, writeText } from './data-directory.ts'
import { messageOf, systemCode, writeFailed } from './errors.ts'
import { ifThere } from './if-there.ts'
import { once } from './once.ts'
import { isRescaling } from './partition/seal.ts'
import { EMPTY_TAIL, readTail, writeTail } from './partition/tail.ts'
import {
  rescaledDirectory,
  rescaledTopic,
  rescalingDirectory,
  rescalingLockPath,
  rescalingTopicDirectory,
  segmentPath,
  topicDirectory,
  topicsDirectory,
} from './paths.ts'
import { syncNames } from './sync.ts'

export const TOPIC_FILE = 'topic.json'
/**
 * Prefixes of topics that are half made or half removed. No topic can have such a name, since a name starts with a letter or
 * digit.
 */
const MAKING = '.making-'
const REMOVING = '.removing-'

/** The topics of a data directory: created whole or not at all, and removed so that every process notices. */
export class TopicStore {
  readonly #env: Env
  readonly #data: string
  readonly #known = new Map<string, { readonly modifiedMs: number; readonly description: TopicDescription }>()
  /** By topic id: settles when the topic's name is durable. */
  readonly #durable = new Map<string, Promise<void>>()

  constructor(env: Env, data: string) {
    this.#env = env
    this.#data = data
  }

  /** Undefined if there is no such topic. */
  describe(name: string): TopicDescription | undefined {
    const modifiedMs = this.modifiedMs(name)
    if (modifiedMs === undefined) return this.#placeRescaled(name) ? this.describe(name) : undefined
    const known = this.#known.get(name)
    if (known?.modifiedMs === modifiedMs) return known.description
    const description = readDescription(this.#env.files, this.#data, name)
    if (description !== undefined) this.#known.set(name, { modifiedMs, description })
    return description
  }

  /** Throws `TOPIC_MISSING`. */
  require(name: string): TopicDescription {
    checkName('topic', name)
    const description = this.describe(name)
    if (description === undefined) throw topicMissing(name)
    return description
  }

  /**
   * As `require`, for a caller that is going to append: the process that created the topic may have died before its name was
   * durable.
   */
  async requireDurable(name: string): Promise<TopicDescription> {
    const description = this.require(name)
    await once(this.#durable, description.id, () => this.#syncNames())
    return description
  }

  /** Makes the names of all topics found so far durable: one sync is enough for them. */
  #syncNames(): Promise<void> {
    const found = Array.from(this.#known.values(), ({ description }) => description.id)
    const synced = syncNames(this.#env.files, topicsDirectory(this.#data))
    for (const id of found) void once(this.#durable, id, () => synced)
    return synced
  }

  list(): TopicDescription[] {
    const { files } = this.#env
    const names = files.list(topicsDirectory(this.#data))
    const hidden = names.flatMap((name) => rescaledTopic(name) ?? []).filter((name) => !names.includes(name))
    const shown = names.filter((name) => !name.startsWith('.'))
    const all = hidden.length === 0 ? shown : [...shown, ...hidden].sort()
    return all.flatMap((name) => this.describe(name) ?? [])
  }

  /** The time at which a topic's description was written, ms since the epoch; undefined if the topic does not exist. */
  modifiedMs(name: string): number | undefined {
    return this.#env.files.stat(topicFile(this.#data, name))?.modifiedMs
  }

  /**
   * Writes the description of a topic that no process uses yet until its time differs: those that know the topic whose place it takes
   * recognize by the time that it is another one.
   */
  async differFrom(topic: TopicDescription, modifiedMs: number | undefined): Promise<void> {
    while (this.modifiedMs(topic.name) === modifiedMs) {
      await new Promise<void>((resolve) => this.#env.timers.after(1, resolve))
      await this.#write(topicDirectory(this.#data, topic.name), topic)
    }
  }

  /** Finishes what was decided about topics that processes were rescaling when they died, and removes what they had only begun. */
  async finishRescales(): Promise<void> {
    const { files } = this.#env
    const decided = files.list(topicsDirectory(this.#data)).flatMap((name) => rescaledTopic(name) ?? [])
    const directory = rescalingDirectory(this.#data)
    const begun = ifThere(() => files.list(directory)) ?? []
    for (const name of new Set([...decided, ...begun.filter((each) => !each.startsWith('.'))])) {
      const lock = tryLockRescaling(files, this.#data, name)
      if (lock === undefined) continue
      try {
        await this.finishRescale(name)
        files.removeTree(rescalingTopicDirectory(this.#data, name))
      } finally {
        lock.close()
      }
    }
  }

  /**
   * Gives a rescaled topic the place of the one with its name, and removes that one. Nothing is appended to that one any more. Its place
   * stays empty only within one synchronous stretch; if the process dies in it, whichever process looks for the topic next finishes it.
   * Under the lock of the process that rescales.
   */
  async finishRescale(name: string): Promise<void> {
    const { files } = this.#env
    const path = `${rescaledDirectory(this.#data, name)}/${TOPIC_FILE}`
    const text = readText(files, path)
    if (text === undefined) return
    const rescaled = parseDescription(name, path, text)
    const topics = topicsDirectory(this.#data)
    // The decision must be durable before the former topic goes.
    await syncNames(files, topics)
    const before = readDescription(files, this.#data, name)
    // Another process may have found the place empty, and have put the new topic there.
    const former = before && before.id !== rescaled.id ? `${topics}/${REMOVING}${before.id}` : undefined
    if (former !== undefined) {
      await this.#markDeleted(topicDirectory(this.#data, name), { ...EMPTY_TAIL, pending: 'seal' })
      files.rename(topicDirectory(this.#data, name), former)
    }
    this.#placeRescaled(name)
    await syncNames(files, topics)
    if (former !== undefined) await this.#remove(former)
  }

  /** Moves a rescaled topic to its place, which is empty. Returns false if the topic does not exist. */
  #placeRescaled(name: string): boolean {
    const { files } = this.#env
    const from = rescaledDirectory(this.#data, name)
    if (files.stat(from) !== undefined) ifThere(() => files.rename(from, topicDirectory(this.#data, name)))
    // Another process may have been faster.
    return files.stat(topicFile(this.#data, name)) !== undefined
  }

  async create(name: string, given: Partial<TopicSettings>): Promise<TopicDescription> {
    checkName('topic', name)
    const settings = fillSettings(name, given)
    if (this.describe(name) !== undefined) throw topicExists(name)
    const { files, random } = this.#env
    const id = random.uuid()
    const topics = topicsDirectory(this.#data)
    const making = `${topics}/${MAKING}${id}`
    try {
      await this.#make(making, { name, id, ...settings })
      // A directory can only be renamed over an empty one, so the first of two processes that create the topic wins.
      files.rename(making, topicDirectory(this.#data, name))
      await files.syncDirectory(topics)
      this.#durable.set(id, Promise.resolve())
    } catch (error) {
      this.#abandon(making)
      const code = systemCode(error)
      if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'EPERM') throw this.#takenName(name)
      throw writeFailed(making, error, { topic: name })
    }
    return { name, id, ...settings }
  }

  /** Another process created the topic meanwhile; or its directory is there, but the file that describes it is missing. */
  #takenName(name: string): MillraceError {
    if (this.describe(name) !== undefined) return topicExists(name)
    const file = topicFile(this.#data, name)
    return new FatalError(
      'LOG_DAMAGED',
      `Topic ${name} has partitions, but ${file}, which describes it, is missing. Restore the file from a copy, or remove ` +
        `the topic's directory, and lose its records`,
      { topic: name, file },
    )
  }

  /** The rest of a topic that could not be created does no harm: no one reads it. */
  #abandon(making: string): void {
    try {
      this.#env.files.removeTree(making)
    } catch {
      // The error to report is why the topic could not be created; a full disk may also prevent the removal.
    }
  }

  async delete(name: string): Promise<void> {
    const { id } = this.require(name)
    const { files } = this.#env
    if (isRescaling(files, this.#data, name)) throw topicRescaled(name)
    const topics = topicsDirectory(this.#data)
    const removing = `${topics}/${REMOVING}${id}`
    try {
      files.rename(topicDirectory(this.#data, name), removing)
      await files.syncDirectory(topics)
      await this.#remove(removing)
    } catch (error) {
      throw writeFailed(removing, error, { topic: name })
    }
  }

  /**
   * Gives a topic that was made in a directory its place, under another id, and removes the topic that is there. A crash leaves the
   * former topic, none, or the new one.
   */
  async replace(directory: string, made: TopicDescription): Promise<void> {
    const { files, random } = this.#env
    const topics = topicsDirectory(this.#data)
    const before = this.describe(made.name)
    try {
      await this.#write(directory, { ...made, id: random.uuid() })
      if (before !== undefined) {
        files.rename(topicDirectory(this.#data, made.name), `${topics}/${REMOVING}${before.id}`)
        await files.syncDirectory(topics)
      }
      files.rename(directory, topicDirectory(this.#data, made.name))
      await files.syncDirectory(topics)
      if (before !== undefined) await this.#remove(`${topics}/${REMOVING}${before.id}`)
    } catch (error) {
      throw writeFailed(directory, error, { topic: made.name })
    }
  }

  /** Finishes the deletions that processes began, but died before finishing. */
  async finishDeletions(): Promise<void> {
    const topics = topicsDirectory(this.#data)
    for (const name of this.#env.files.list(topics)) {
      if (name.startsWith(REMOVING)) await this.#remove(`${topics}/${name}`)
    }
  }

  /** Removes a renamed topic: marks every partition as deleted, for the processes that have it open, before. */
  async #remove(directory: string): Promise<void> {
    try {
      await this.#markDeleted(directory)
      this.#env.files.removeTree(directory)
    } catch (error) {
      // Another process that opens the log is finishing it, too.
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }

  async #markDeleted(directory: string, ifBroken = EMPTY_TAIL): Promise<void> {
    const { files } = this.#env
    for (const partition of files.list(directory)) {
      if (files.stat(`${directory}/${partition}/tail`) === undefined) continue
      const tail = files.open(`${directory}/${partition}/tail`, 'write')
      try {
        await tail.lock()
        writeTail(tail, { ...(readTail(tail) ?? ifBroken), deleted: true })
      } finally {
        tail.close()
      }
    }
  }

  async #make(directory: string, description: TopicDescription): Promise<void> {
    const { files } = this.#env
    for (let partition = 0; partition < description.partitions; partition++) {
      const inside = `${directory}/${partition}`
      files.makeDirectory(inside)
      files.open(segmentPath(inside, 0), 'create').close()
      const tail = files.open(`${inside}/tail`, 'create')
      writeTail(tail, EMPTY_TAIL)
      tail.close()
      await files.syncDirectory(inside)
    }
    await this.#write(directory, description)
  }

  #write(directory: string, description: TopicDescription): Promise<void> {
    return writeText(this.#env.files, directory, TOPIC_FILE, formatDescription(description), description.id)
  }
}

/** Locks the rescaling of a topic, until the file is closed or the process dies; undefined if another process has it. */
export function tryLockRescaling(files: FileSystem, data: string, name: string): OpenFile | undefined {
  files.makeDirectory(rescalingDirectory(data))
  const lock = files.open(rescalingLockPath(data, name), 'write')
  if (lock.tryLock()) return lock
  lock.close()
  return undefined
}

/** The topic's description in the data directory; undefined if there is none. Throws `LOG_DAMAGED`. */
export function readDescription(files: FileSystem, data: string, name: string): TopicDescription | undefined {
  const path = topicFile(data, name)
  const text = readText(files, path)
  return text === undefined ? undefined : parseDescription(name, path, text)
}

function topicFile(data: string, name: string): string {
  return `${topicDirectory(data, name)}/${TOPIC_FILE}`
}

/** Readable for people; a checksum shows a setting that changed by itself. */
function formatDescription(description: TopicDescription): string {
  return `${JSON.stringify({ ...description, crc32c: checksumOf(description) }, undefined, 2)}\n`
}

function parseDescription(name: string, path: string, text: string): TopicDescription {
  try {
    const parsed = JSON.parse(text) as TopicDescription & { readonly crc32c: unknown }
    const description = { name: parsed.name, id: parsed.id, ...fillSettings(name, parsed) }
    if (parsed.crc32c !== checksumOf(description)) throw new Error('its checksum is wrong')
    return { ...description, name }
  } catch (cause) {
    if (cause instanceof MillraceError && cause.code !== 'BAD_TOPIC_SETTINGS') throw cause
    throw new FatalError('LOG_DAMAGED', `File ${path} is damaged: ${messageOf(cause)}. Restore it from a copy`, {
      topic: name,
      file: path,
      cause,
    })
  }
}

function checksumOf({ name, id, ...settings }: TopicDescription): string {
  const bytes = Buffer.from(JSON.stringify({ name, id, ...fillSettings(name, settings) }))
  return crc32c(bytes, 0, bytes.length).toString(16).padStart(8, '0')
}
