import {
  type Env,
  FatalError,
  type FileSystem,
  MillraceError,
  type TopicDescription,
  type TopicSettings,
} from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import { checkName } from '@millrace/core/internal'
import { topicExists, topicMissing } from '../topic-errors.ts'
import { fillSettings } from '../topic-settings.ts'
import { readText, writeText } from './data-directory.ts'
import { messageOf, systemCode, writeFailed } from './errors.ts'
import { once } from './once.ts'
import { EMPTY_TAIL, readTail, writeTail } from './partition/tail.ts'
import { segmentPath, topicDirectory, topicsDirectory } from './paths.ts'
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
    const path = topicFile(this.#data, name)
    const modifiedMs = this.#env.files.stat(path)?.modifiedMs
    if (modifiedMs === undefined) return undefined
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
    return this.#env.files.list(topicsDirectory(this.#data)).flatMap((name) => {
      return name.startsWith('.') ? [] : (this.describe(name) ?? [])
    })
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

  /** Removes a renamed topic. */
  async #remove(directory: string): Promise<void> {
    try {
      await this.#markAndRemove(directory)
    } catch (error) {
      // Another process that opens the log is finishing it, too.
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }

  /** Marks every partition of a renamed topic as deleted, for the processes that have it open; then removes it. */
  async #markAndRemove(directory: string): Promise<void> {
    const { files } = this.#env
    for (const partition of files.list(directory)) {
      if (files.stat(`${directory}/${partition}/tail`) === undefined) continue
      const tail = files.open(`${directory}/${partition}/tail`, 'write')
      try {
        await tail.lock()
        writeTail(tail, { ...(readTail(tail) ?? EMPTY_TAIL), deleted: true })
      } finally {
        tail.close()
      }
    }
    files.removeTree(directory)
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
