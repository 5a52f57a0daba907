import { type FileSystem, type OpenFile, RefusedError } from '@millrace/core'
import { checkName } from '@millrace/core/internal'
import { topicMissing, topicRescaled } from '../../topic-errors.ts'
import { diskFailed, systemCode } from '../errors.ts'
import { partitionDirectory, segmentPath } from '../paths.ts'
import { syncFile } from '../sync.ts'
import { recoverTail } from './recovery.ts'
import { isRescaled } from './seal.ts'
import type { SegmentFiles } from './segment-files.ts'
import { listSegments } from './segments.ts'
import { bootMark, readTail, type Tail, writeTail } from './tail.ts'

/** The files of one partition as a process has them open: its tail, which is also its lock, and the segments. */
export class PartitionFiles implements SegmentFiles {
  readonly topic: string
  readonly partition: number
  readonly directory: string
  readonly files: FileSystem
  /** The data directory. */
  readonly data: string
  readonly #tailFile: OpenFile
  /** Settles when the step of this process that holds the lock, or waits for it, is done; undefined while there is none. */
  #released: PromiseWithResolvers<void> | undefined

  /** Throws `TOPIC_MISSING`, `TOPIC_RESCALED`, `BAD_NAME`. */
  constructor(files: FileSystem, data: string, topic: string, partition: number) {
    this.files = files
    this.data = data
    this.topic = topic
    this.partition = partition
    checkName('topic', topic)
    this.directory = partitionDirectory(data, topic, partition)
    if (files.stat(this.directory) === undefined) {
      throw isRescaled(files, data, topic) ? topicRescaled(topic) : topicMissing(topic)
    }
    this.#tailFile = openTail(files, this.directory, topic)
  }

  /** Takes the partition's lock if it is free. While it is held, no other process appends, rolls or deletes segments. */
  tryLock(): boolean {
    // For the kernel, this open file holds the lock: it would grant it again to another step of this process.
    if (this.#released !== undefined || !this.#tailFile.tryLock()) return false
    this.#released = Promise.withResolvers()
    return true
  }

  /** Waits for the partition's lock. */
  async lock(): Promise<void> {
    while (this.#released !== undefined) await this.#released.promise
    // Usually it is free, and waiting in the kernel would cost a turn of a thread.
    if (this.tryLock()) return
    this.#released = Promise.withResolvers()
    try {
      await this.#tailFile.lock()
    } catch (error) {
      this.#release()
      throw error
    }
  }

  unlock(): void {
    this.#tailFile.unlock()
    this.#release()
  }

  /** The path to watch for appends. */
  get tailPath(): string {
    return this.#tailFile.path
  }

  /** The tail in the file; undefined if it cannot be read. Throws `TOPIC_MISSING` for a deleted topic. */
  readTail(): Tail | undefined {
    const tail = readTail(this.#tailFile)
    if (tail?.deleted === true) throw tail.pending === 'seal' ? topicRescaled(this.topic) : topicMissing(this.topic)
    return tail
  }

  /** The tail in the file, if it agrees with the segments; undefined if recovery would change it. Changes nothing. */
  settledTail(): Tail | undefined {
    const tail = this.readTail()
    return tail !== undefined && this.#agrees(tail) ? tail : undefined
  }

  /** Under the lock. */
  writeTail(tail: Tail): void {
    writeTail(this.#tailFile, tail)
  }

  segmentPath(base: number): string {
    return segmentPath(this.directory, base)
  }

  /** Makes the present tail survive a power cut: then recovery only needs to look at what came after. */
  syncTail(): Promise<void> {
    return syncFile(this.#tailFile)
  }

  openSegment(base: number, mode: 'read' | 'write'): OpenFile {
    return this.files.open(segmentPath(this.directory, base), mode)
  }

  segments(): number[] {
    return listSegments(this.files, this.directory)
  }

  /** Checks, without the lock, whether tail and files agree; recovers under it if they do not. */
  async settle(): Promise<Tail> {
    return this.settledTail() ?? this.withTail((recovered) => recovered)
  }

  /**
   * Waits for the partition's lock, and runs a step under it, with the present tail. The step is synchronous: no process holds
   * the lock while it waits for the disk or for another process. `look` returns the tail for a caller that can find out more
   * cheaply that it agrees with the files, and undefined if it does not.
   */
  async withTail<T>(step: (tail: Tail) => T, look?: () => Tail | undefined): Promise<T> {
    // Without an await in between: a step that can begin now does not hold the lock until others of this turn are done.
    if (!this.tryLock()) await this.lock()
    try {
      return step(look?.() ?? this.currentTail())
    } finally {
      this.unlock()
    }
  }

  /** The tail, recovered if an appender died or the power failed. Under the lock. */
  currentTail(): Tail {
    const tail = this.readTail()
    if (tail !== undefined && this.#agrees(tail)) return tail
    const recovered = recoverTail(this, tail)
    this.writeTail(recovered)
    return recovered
  }

  close(): void {
    this.#tailFile.close()
  }

  #release(): void {
    this.#released?.resolve()
    this.#released = undefined
  }

  #agrees(tail: Tail): boolean {
    const size = this.files.stat(segmentPath(this.directory, tail.activeBase))?.bytes ?? 0
    if (tail.boot !== bootMark(this.files.boot) || size !== tail.activeBytes) return false
    return (this.segments().at(-1) ?? 0) <= tail.activeBase
  }
}

function openTail(files: FileSystem, directory: string, topic: string): OpenFile {
  try {
    return files.open(`${directory}/tail`, 'write')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw topicMissing(topic)
    if (systemCode(error) === 'EACCES') {
      throw new RefusedError(
        'DATA_OWNER',
        `Partition ${directory} cannot be opened for appending, because it belongs to another user. Run as that user`,
        {
          topic,
          file: directory,
        },
      )
    }
    throw diskFailed(`${directory}/tail`, error, { topic })
  }
}
