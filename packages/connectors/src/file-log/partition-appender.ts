import type { OpenFile } from '@millrace/core'
import { settleAll } from '@millrace/core/internal'
import { setBaseOffset } from '../record-batch/batch-builder.ts'
import { maxTimestamp, nextOffset } from '../record-batch/batch-header.ts'
import { diskFailed, logDamaged, syncFailed, writeFailed } from './errors.ts'
import type { PartitionFiles } from './partition-files.ts'
import { SegmentIndex } from './segment-index.ts'
import type { Tail } from './tail.ts'

/** What a writer wants of durability: `fsync` survives a power cut, `os` the death of every process. */
export type Durability = 'fsync' | 'os'

interface ActiveSegment {
  readonly base: number
  readonly file: OpenFile
  readonly index: SegmentIndex
}

/**
 * Appends finished batches to one partition, among other processes that do the same. Under the partition's lock it finds
 * the tail, repairs a torn one, sets the batch's offset, writes, and moves the tail.
 *
 * Whatever fails, it is done for: what it wrote may or may not be in the log, and a sync that is tried again says nothing
 * about the pages that the first one lost.
 */
export class PartitionAppender {
  readonly #partition: PartitionFiles
  readonly #segmentBytes: number
  #active: ActiveSegment | undefined
  /** Segments with bytes of ours that were not synced, and up to where. */
  readonly #unsynced = new Map<OpenFile, number>()
  readonly #retired: ActiveSegment[] = []
  /** Whether a segment was opened whose name may not be durable: who rolled may have died before it was. */
  #newNames = false
  #failure: { readonly error: unknown } | undefined

  constructor(partition: PartitionFiles, segmentBytes: number) {
    this.#partition = partition
    this.#segmentBytes = segmentBytes
  }

  /** Throws what went wrong once. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Appends at once if the lock is free; undefined where another holds it. Returns the offset after the batch. */
  tryAppend(batch: Buffer): number | undefined {
    this.check()
    if (!this.#partition.tryLock()) return undefined
    try {
      return this.#append(batch)
    } catch (error) {
      return this.#fail(error)
    } finally {
      this.#partition.unlock()
    }
  }

  /** Waits for the lock and appends. Returns the offset after the batch. */
  async append(batch: Buffer): Promise<number> {
    this.check()
    await this.#partition.lock()
    try {
      this.check()
      return this.#append(batch)
    } catch (error) {
      return this.#fail(error)
    } finally {
      this.#partition.unlock()
    }
  }

  /**
   * Makes everything appended so far durable, and begins a new segment where the active one is large enough. Closed
   * segments are synced before, always: damage in one is never the torn end of an append. Says whether it rolled.
   */
  async sync(durability: Durability): Promise<boolean> {
    this.check()
    return this.#sync(durability).catch((error: unknown) => this.#fail(error))
  }

  async #sync(durability: Durability): Promise<boolean> {
    const unsynced = [...this.#unsynced]
    this.#unsynced.clear()
    const retired = this.#retired.splice(0)
    try {
      if (durability === 'fsync' && unsynced.length > 0) {
        const syncs = unsynced.map(([file]) => syncFile(file))
        if (this.#newNames) syncs.push(this.#syncNames())
        this.#newNames = false
        await settleAll(syncs)
      }
    } finally {
      for (const { file, index } of retired) {
        file.close()
        index.close()
      }
    }
    const active = this.#active
    if (active === undefined) return false
    const synced = unsynced.find(([file]) => file === active.file)?.[1] ?? 0
    const large = active.file.size() >= this.#segmentBytes
    if (!large && (durability === 'os' || synced === 0)) return false
    await this.#partition.lock()
    try {
      const tail = this.#partition.currentTail()
      if (tail.activeBase !== active.base) return false
      if (tail.activeBytes >= this.#segmentBytes) {
        await this.#roll(tail, active)
        return true
      }
      if (durability === 'fsync' && synced > tail.syncedBytes)
        this.#partition.writeTail({ ...tail, syncedBytes: synced })
      return false
    } finally {
      this.#partition.unlock()
    }
  }

  close(): void {
    for (const { file, index } of [...this.#retired, ...(this.#active === undefined ? [] : [this.#active])]) {
      file.close()
      index.close()
    }
    this.#active = undefined
    this.#retired.length = 0
    this.#partition.close()
  }

  #fail(error: unknown): never {
    const { directory, topic, partition } = this.#partition
    this.#failure ??= { error: diskFailed(directory, error, { topic, partition }) }
    throw this.#failure.error
  }

  /** Under the lock. */
  #append(batch: Buffer): number {
    const partition = this.#partition
    let tail = partition.readTail()
    let active = tail === undefined ? undefined : this.#segment(tail.activeBase)
    // One look at the file's size tells whether the last appender died between its write and the tail.
    if (tail === undefined || active === undefined || active.file.size() !== tail.activeBytes) {
      tail = partition.currentTail()
      active = this.#segment(tail.activeBase)
    }
    setBaseOffset(batch, tail.nextOffset)
    const next = nextOffset(batch, 0)
    if (!Number.isSafeInteger(next)) {
      throw logDamaged(active.file.path, tail.activeBytes, `the offsets ran past ${Number.MAX_SAFE_INTEGER}`)
    }
    const end = tail.activeBytes + batch.length
    try {
      active.file.write(batch, 0, batch.length, tail.activeBytes)
    } catch (error) {
      this.#cutBack(active.file, tail.activeBytes)
      throw writeFailed(active.file.path, error, { topic: partition.topic, partition: partition.partition })
    }
    this.#unsynced.set(active.file, end)
    this.#addToIndex(active, tail)
    partition.writeTail({
      ...tail,
      activeBytes: end,
      nextOffset: next,
      maxTimestamp: Math.max(tail.maxTimestamp, maxTimestamp(batch, 0)),
    })
    return next
  }

  #addToIndex(active: ActiveSegment, tail: Tail): void {
    if (!active.index.wants(tail.activeBytes)) return
    try {
      active.index.add({
        offset: tail.nextOffset,
        position: tail.activeBytes,
        maxTimestampBefore: tail.maxTimestamp,
      })
    } catch {
      // The index can be made again at any time; the batch is in the log.
    }
  }

  /** What part of a batch was written is taken away, so that a reader of the file's size is not misled. */
  #cutBack(file: OpenFile, bytes: number): void {
    try {
      file.truncate(bytes)
    } catch {
      // Whoever appends next finds the torn end and repairs it.
    }
  }

  #segment(base: number): ActiveSegment {
    const active = this.#active
    if (active?.base === base) return active
    // Another process began a new segment; ours may hold bytes that are to be synced yet.
    if (active !== undefined) this.#retired.push(active)
    this.#active = undefined
    const { files, directory } = this.#partition
    const file = this.#partition.openSegment(base, 'write')
    try {
      this.#active = { base, file, index: new SegmentIndex(files, directory, base) }
      this.#newNames = true
      return this.#active
    } catch (error) {
      file.close()
      throw error
    }
  }

  /** Closes the active segment and begins the next. Under the lock. */
  async #roll(tail: Tail, active: ActiveSegment): Promise<void> {
    await syncFile(active.file)
    active.index.add({ offset: tail.nextOffset, position: tail.activeBytes, maxTimestampBefore: tail.maxTimestamp })
    // The tail moves first. Were the file there first, a process that died in between would leave an empty segment that
    // others, who follow the tail, append past: whoever recovers would take it for the end and give their offsets twice.
    this.#partition.writeTail({
      ...tail,
      activeBase: tail.nextOffset,
      activeBytes: 0,
      syncedBytes: 0,
      maxTimestamp: -1,
    })
    this.#partition.openSegment(tail.nextOffset, 'write').close()
    await this.#syncNames()
  }

  async #syncNames(): Promise<void> {
    const { files, directory } = this.#partition
    try {
      await files.syncDirectory(directory)
    } catch (error) {
      throw syncFailed(directory, error)
    }
  }
}

async function syncFile(file: OpenFile): Promise<void> {
  try {
    await file.sync()
  } catch (error) {
    throw syncFailed(file.path, error)
  }
}
