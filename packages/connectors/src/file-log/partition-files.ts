import { type FileSystem, type OpenFile, RefusedError } from '@millrace/core'
import { checkName } from '@millrace/core/internal'
import { topicMissing } from '../topic-errors.ts'
import { logDamaged, systemCode } from './errors.ts'
import { partitionDirectory, segmentPath } from './paths.ts'
import { holdsBatchAfter, scanBatches } from './scan.ts'
import { listSegments } from './segments.ts'
import { EMPTY_TAIL, readTail, type Tail, writeTail } from './tail.ts'

/** One partition's directory as a process has it open: its tail, which is also its lock, and the segments. */
export class PartitionFiles {
  readonly topic: string
  readonly partition: number
  readonly directory: string
  readonly files: FileSystem
  readonly #tailFile: OpenFile
  /** Settles when the holder of the lock, or who waits for it, in this process is done; undefined while there is none. */
  #released: PromiseWithResolvers<void> | undefined

  /** Throws `TOPIC_MISSING`, `BAD_NAME`. */
  constructor(files: FileSystem, data: string, topic: string, partition: number) {
    this.files = files
    this.topic = topic
    this.partition = partition
    checkName('topic', topic)
    this.directory = partitionDirectory(data, topic, partition)
    if (files.stat(this.directory) === undefined) throw topicMissing(topic)
    this.#tailFile = openTail(files, this.directory, topic)
  }

  /** Takes the partition's lock if it is free. While it is held nobody else appends, rolls or deletes segments. */
  tryLock(): boolean {
    // To the kernel the lock is this open file's: it would be granted again to another step of this process.
    if (this.#released !== undefined || !this.#tailFile.tryLock()) return false
    this.#released = Promise.withResolvers()
    return true
  }

  /** Waits for the partition's lock. */
  async lock(): Promise<void> {
    while (this.#released !== undefined) await this.#released.promise
    // Mostly it is free, and waiting in the kernel would cost a thread's turn.
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

  /** The tail as it stands; undefined where it cannot be read. Throws `TOPIC_MISSING` for a deleted topic. */
  readTail(): Tail | undefined {
    const tail = readTail(this.#tailFile)
    if (tail?.deleted === true) throw topicMissing(this.topic)
    return tail
  }

  /** Under the lock. */
  writeTail(tail: Tail): void {
    writeTail(this.#tailFile, tail)
  }

  openSegment(base: number, mode: 'read' | 'write'): OpenFile {
    return this.files.open(segmentPath(this.directory, base), mode)
  }

  segments(): number[] {
    return listSegments(this.files, this.directory)
  }

  /** Looks, without the lock, whether tail and files agree; recovers under it where they do not. */
  async settle(): Promise<Tail> {
    const tail = this.readTail()
    if (tail !== undefined && this.#agrees(tail)) return tail
    await this.lock()
    try {
      return this.currentTail()
    } finally {
      this.unlock()
    }
  }

  /** The tail, recovered where an appender died. Under the lock. */
  currentTail(): Tail {
    const tail = this.readTail()
    return tail !== undefined && this.#agrees(tail) ? tail : this.#recover(tail)
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
    return size === tail.activeBytes && (this.segments().at(-1) ?? 0) <= tail.activeBase
  }

  /**
   * Makes the tail say what the files hold. Whole batches that a dead appender left behind the tail are kept (it may have
   * told somebody), and a torn one is cut off. What was known to be synced must still be there.
   */
  #recover(tail: Tail | undefined): Tail {
    const segments = this.segments()
    const activeBase = Math.max(segments.at(-1) ?? 0, tail?.activeBase ?? 0)
    const known = tail?.activeBase === activeBase ? tail : undefined
    const file = this.openSegment(activeBase, 'write')
    try {
      const size = file.size()
      if (known !== undefined && size < known.syncedBytes) {
        throw logDamaged(
          file.path,
          size,
          `the file ends here, but ${known.syncedBytes} bytes of it had been made durable`,
        )
      }
      let end = 0
      let next = activeBase
      let latest = -1
      // Nothing before the tail's end is looked at where the file still has it: readers verify what they read.
      if (known !== undefined && size >= known.activeBytes) {
        end = known.activeBytes
        next = known.nextOffset
        latest = known.maxTimestamp
      }
      for (const batch of scanBatches(file, end, next, size)) {
        end = batch.position + batch.bytes
        next = batch.nextOffset
        latest = Math.max(latest, batch.maxTimestamp)
      }
      if (end < size) {
        if (end < (known?.syncedBytes ?? 0) || holdsBatchAfter(file, end)) {
          throw logDamaged(
            file.path,
            end,
            'the batch there is not whole, and whole ones follow or it had been made durable',
          )
        }
        file.truncate(end)
      }
      const recovered: Tail = {
        ...(tail ?? EMPTY_TAIL),
        activeBase,
        activeBytes: end,
        syncedBytes: Math.min(known?.syncedBytes ?? 0, end),
        nextOffset: next,
        maxTimestamp: latest,
        startOffset: Math.max(tail?.startOffset ?? 0, segments[0] ?? 0),
      }
      this.writeTail(recovered)
      return recovered
    } finally {
      file.close()
    }
  }
}

function openTail(files: FileSystem, directory: string, topic: string): OpenFile {
  try {
    return files.open(`${directory}/tail`, 'write')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw topicMissing(topic)
    if (systemCode(error) === 'EACCES') {
      throw new RefusedError('DATA_OWNER', `${directory} belongs to another user: it cannot be opened for appending`, {
        topic,
        file: directory,
      })
    }
    throw error
  }
}
