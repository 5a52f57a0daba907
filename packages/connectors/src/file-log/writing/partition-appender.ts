import type { OpenFile } from '@millrace/core'
import { settleAll } from '@millrace/core/internal'
import { setBaseOffset } from '../../record-batch/batch-builder.ts'
import { isTransactional, maxTimestamp, nextOffset, producerOf } from '../../record-batch/batch-header.ts'
import { controlBatch, type Outcome } from '../../record-batch/control-batch.ts'
import type { Producer } from '../../record-batch/format.ts'
import { diskFailed, logDamaged, tooManyTransactions, writeFailed } from '../errors.ts'
import { committedAfter } from '../partition/committed-producers.ts'
import { liftSeal } from '../partition/lift-seal.ts'
import { openAfter, sameTransaction } from '../partition/open-transactions.ts'
import type { PartitionFiles } from '../partition/partition-files.ts'
import { markLength, rewriteSegment } from '../partition/rewrite.ts'
import { SegmentIndex } from '../partition/segment-index.ts'
import { OPEN_TRANSACTIONS_MAX, type SyncedPoint, type Tail } from '../partition/tail.ts'
import { syncFile, syncNames } from '../sync.ts'
import { rewriteUnsynced } from './rewrite-unsynced.ts'

/** A writer's durability: `fsync` survives a power cut, `os` survives the death of every process. */
export type Durability = 'fsync' | 'os'

/** Throws if the writer may not append any more; called under the partition's lock, before each append. */
export type Guard = () => void

interface ActiveSegment {
  readonly base: number
  readonly file: OpenFile
  readonly index: SegmentIndex
  /** Other processes wrote the bytes up to here, and a sync of ours does not cover them yet. */
  foreignTo: number
}

/**
 * Appends finished batches to one partition, while other processes may do the same. Under the partition's lock it finds the
 * tail, repairs a torn one, sets the batch's offset, writes, and moves the tail.
 *
 * After any failure it cannot be used any more: what it wrote may or may not be in the log, and a second sync proves nothing
 * about the pages that the first one lost.
 */
export class PartitionAppender {
  readonly #partition: PartitionFiles
  readonly #segmentBytes: number
  #active: ActiveSegment | undefined
  /** Segments with bytes of ours that are not synced, and up to which position. */
  readonly #unsynced = new Map<OpenFile, SyncedPoint>()
  readonly #retired: ActiveSegment[] = []
  /** Whether a segment was opened whose name may not be durable: the process that rolled may have died before it was. */
  #newNames = false
  #lastTransaction: { readonly producer: Producer; readonly end: number } | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(partition: PartitionFiles, segmentBytes: number) {
    this.#partition = partition
    this.#segmentBytes = segmentBytes
  }

  /** Throws the error of an earlier failure, if there was one. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /**
   * Appends at once if the lock is free and there is nothing to repair; else undefined. Returns the offset after the batch.
   */
  tryAppend(batch: Buffer, guard?: Guard): number | undefined {
    this.check()
    if (!this.#partition.tryLock()) return undefined
    try {
      const tail = this.#readTail()
      return tail?.pending === null ? this.#append(batch, tail, guard) : undefined
    } catch (error) {
      return this.#fail(error)
    } finally {
      this.#partition.unlock()
    }
  }

  /** Waits for the lock and appends. Returns the offset after the batch. */
  async append(batch: Buffer, guard?: Guard): Promise<number> {
    return this.#whenReady((tail) => this.#append(batch, tail, guard))
  }

  /** The offset after a transaction's last record here; undefined if it has none. */
  endOf(producer: Producer): number | undefined {
    const last = this.#lastTransaction
    return last !== undefined && sameTransaction(last.producer, producer) ? last.end : undefined
  }

  /**
   * Ends a transaction in this partition, unless that is done already: any process that finds a decided transaction may do
   * it.
   */
  async appendMarker(producer: Producer, outcome: Outcome): Promise<void> {
    const isOpen = (tail: Tail) => tail.open.some((each) => sameTransaction(each, producer))
    const ready = (tail: Tail) => tail.pending === null || (tail.pending === 'seal' && !isOpen(tail))
    await this.#whenReady((tail) => {
      if (isOpen(tail)) {
        // A marker's time is not a record's time: it must not keep a segment from its retention.
        this.#append(controlBatch(producer, outcome, Math.max(0, tail.maxTimestamp)), tail)
      } else {
        // The process that ended it may not have made the marker durable, and the caller is going to rely on it.
        this.#notSynced(this.#segment(tail), tail)
      }
    }, ready)
  }

  /** Does what must be done before the next append. Throws `TOPIC_RESCALED`. */
  async settle(): Promise<void> {
    await this.#whenReady(() => undefined)
  }

  /** Waits for the lock, and until nothing must be done before the next append; then runs a step with the tail. */
  async #whenReady<T>(step: (tail: Tail) => T, ready = (tail: Tail) => tail.pending === null): Promise<T> {
    try {
      for (;;) {
        this.check()
        const done = await this.#partition.withTail(
          (tail) => {
            this.check()
            return ready(tail) ? { result: step(tail) } : undefined
          },
          () => this.#readTail(),
        )
        if (done !== undefined) return done.result
        await this.#finishPending()
      }
    } catch (error) {
      return this.#fail(error)
    }
  }

  /**
   * Makes everything appended so far durable, and begins a new segment if the active one is large enough. Closed segments are
   * always synced before, so that damage in one is never the torn end of an append. Returns whether it rolled.
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
        for (const segment of retired) await this.#takeForeign(segment)
        if (this.#active !== undefined) await this.#takeForeign(this.#active)
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
    const synced = unsynced.find(([file]) => file === active.file)?.[1]
    const large = active.file.size() >= this.#segmentBytes
    if (!large && (durability === 'os' || synced === undefined)) return false
    const rolls = await this.#partition.withTail((tail) => {
      if (tail.activeBase !== active.base) return false
      const isNewer = durability === 'fsync' && synced !== undefined && synced.nextOffset > tail.synced.nextOffset
      // A sealed partition gets no more records, so it needs no other segment.
      const isFull = tail.activeBytes >= this.#segmentBytes && tail.pending !== 'seal'
      if (!isNewer && !isFull) return false
      const pending = isFull ? 'roll' : tail.pending
      this.#partition.writeTail({ ...tail, pending, synced: isNewer ? synced : tail.synced })
      return isFull
    })
    if (rolls) await this.#finishPending()
    return rolls
  }

  /** Makes the next sync cover what other processes wrote before the segment was opened. */
  async #takeForeign(segment: ActiveSegment): Promise<void> {
    const { base, file, foreignTo } = segment
    if (foreignTo > 0) await rewriteUnsynced(this.#partition, base, file, foreignTo)
    segment.foreignTo = 0
  }

  close(): void {
    const { topic, partition } = this.#partition
    this.#failure ??= { error: new Error(`Writer of ${topic}/${partition} is closed`) }
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

  /** The tail; undefined if something must be repaired first. Under the lock. */
  #readTail(): Tail | undefined {
    const tail = this.#partition.readTail()
    // The file's size shows whether the last appender died between its write and the tail.
    return tail !== undefined && this.#segment(tail).file.size() === tail.activeBytes ? tail : undefined
  }

  /** Under the lock. */
  #append(batch: Buffer, tail: Tail, guard?: Guard): number {
    guard?.()
    const partition = this.#partition
    const active = this.#segment(tail)
    setBaseOffset(batch, tail.nextOffset)
    const next = nextOffset(batch, 0)
    if (!Number.isSafeInteger(next)) {
      throw logDamaged(active.file.path, tail.activeBytes, `its offsets would exceed ${Number.MAX_SAFE_INTEGER}`)
    }
    const open = openAfter(tail.open, batch, 0, tail.nextOffset)
    const committed = committedAfter(tail.committed, batch, 0)
    if (open.length > OPEN_TRANSACTIONS_MAX) throw tooManyTransactions(partition.topic, partition.partition)
    const end = tail.activeBytes + batch.length
    try {
      active.file.write(batch, 0, batch.length, tail.activeBytes)
    } catch (error) {
      this.#cutBack(active.file, tail.activeBytes)
      throw writeFailed(active.file.path, error, { topic: partition.topic, partition: partition.partition })
    }
    this.#notSynced(active, { activeBytes: end, nextOffset: next, open, committed })
    if (isTransactional(batch, 0)) this.#lastTransaction = { producer: producerOf(batch, 0), end: next }
    this.#addToIndex(active, tail)
    partition.writeTail({
      ...tail,
      activeBytes: end,
      nextOffset: next,
      maxTimestamp: Math.max(tail.maxTimestamp, maxTimestamp(batch, 0)),
      open,
      committed,
    })
    return next
  }

  #notSynced(
    { base, file }: ActiveSegment,
    tail: Pick<Tail, 'activeBytes' | 'nextOffset' | 'open' | 'committed'>,
  ): void {
    const { activeBytes: bytes, nextOffset, open, committed } = tail
    this.#unsynced.set(file, { base, bytes, nextOffset, open, committed })
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
      // The index can be rebuilt at any time; the batch is in the log.
    }
  }

  /** Removes the written part of a batch, so that the file's size does not mislead a reader. */
  #cutBack(file: OpenFile, bytes: number): void {
    try {
      file.truncate(bytes)
    } catch {
      // The process that appends next finds the torn end and repairs it.
    }
  }

  #segment({ activeBase: base }: Tail): ActiveSegment {
    const active = this.#active
    if (active?.base === base) return active
    // Another process began a new segment; ours may hold bytes that are not synced yet.
    if (active !== undefined) this.#retired.push(active)
    this.#active = undefined
    const { files, directory } = this.#partition
    const file = this.#partition.openSegment(base, 'write')
    try {
      // Also after the tail: a process that died there may have left whole batches, which are kept.
      this.#active = { base, file, index: new SegmentIndex(files, directory, base), foreignTo: file.size() }
      this.#newNames = true
      return this.#active
    } catch (error) {
      file.close()
      throw error
    }
  }

  /**
   * Does what must be done before the next append: syncs the active segment, and begins the next one if it is full. No lock is
   * held while it syncs, so other processes may do the same at the same time.
   */
  async #finishPending(): Promise<void> {
    const begun = await this.#partition.withTail((tail) => {
      if (tail.pending === 'seal') liftSeal(this.#partition, tail)
      if (tail.pending === null || tail.pending === 'seal') return undefined
      const active = this.#segment(tail)
      if (active.foreignTo === 0) return { tail, file: active.file }
      // Once for each process and segment: so they do not make each other begin again for ever.
      rewriteSegment(tail, active.base, active.file, active.foreignTo)
      markLength(active.file)
      active.foreignTo = 0
      const touched = { ...tail, rewrites: tail.rewrites + 1 }
      this.#partition.writeTail(touched)
      return { tail: touched, file: active.file }
    })
    if (begun === undefined) return
    await syncFile(begun.file)
    const hasRolled = await this.#partition.withTail((tail) => {
      // Otherwise another process has finished it, or has rewritten something since: then the sync does not cover that.
      const { pending, activeBase, rewrites } = begun.tail
      if (tail.pending !== pending || tail.activeBase !== activeBase || tail.rewrites !== rewrites) return false
      if (tail.pending === 'roll') this.#roll(tail)
      else this.#partition.writeTail({ ...tail, pending: null, synced: endOf(tail) })
      return tail.pending === 'roll'
    })
    if (!hasRolled) return
    await this.#syncNames()
    await this.#partition.syncTail()
  }

  /** Closes the active segment, which is durable, and begins the next. Under the lock. */
  #roll(tail: Tail): void {
    const { files, directory } = this.#partition
    const { activeBase, nextOffset, open, committed } = tail
    const index = new SegmentIndex(files, directory, activeBase)
    try {
      index.add({ offset: nextOffset, position: tail.activeBytes, maxTimestampBefore: tail.maxTimestamp })
    } finally {
      index.close()
    }
    // The tail moves first. If the file were made first, a process that dies in between would leave an empty segment. Others
    // follow the tail and would append to the old one; recovery would take the empty segment for the end, and give their
    // offsets twice.
    this.#partition.writeTail({
      ...tail,
      activeBase: nextOffset,
      activeBytes: 0,
      maxTimestamp: -1,
      pending: null,
      synced: { base: nextOffset, bytes: 0, nextOffset, open, committed },
    })
    this.#partition.openSegment(nextOffset, 'write').close()
  }

  #syncNames(): Promise<void> {
    return syncNames(this.#partition.files, this.#partition.directory)
  }
}

/** The end of the active segment, as a place. */
function endOf({ activeBase: base, activeBytes: bytes, nextOffset, open, committed }: Tail): SyncedPoint {
  return { base, bytes, nextOffset, open, committed }
}
