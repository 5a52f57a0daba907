import type { Env, Isolation, LogReader, PartitionReader } from '@millrace/core'
import { diskFailed } from '../errors.ts'
import { PartitionFiles } from '../partition/partition-files.ts'
import { checkParts } from '../transactions/check-parts.ts'
import type { TransactionFinisher } from '../transactions/finisher.ts'
import type { Durability } from '../writing/partition-appender.ts'
import { FilePartitionReader } from './file-partition-reader.ts'

/**
 * The kernel reports changes. If a report is lost (a network file system, a watch limit that is used up), the change is
 * noticed with this delay.
 */
const SAFETY_POLL_MS = 1000
/** A death is not reported: a reader that waits behind an open transaction checks this often whether its owner lives. */
const HELD_BACK_POLL_MS = 100

/** Reads any number of partitions, and sleeps until one of them has more. */
export class FileLogReader implements LogReader {
  readonly #env: Env
  readonly #data: string
  readonly #isolation: Isolation
  readonly #durability: Durability
  readonly #finisher: TransactionFinisher
  readonly #readers = new Set<FilePartitionReader>()
  /** When to check the transactions that hold a reader back; undefined while none does. Most are over before. */
  #nextFinishMs: number | undefined
  /** Ends the current wait. */
  #wake: (() => void) | undefined

  readonly #closed: (reader: FileLogReader) => void

  constructor(
    env: Env,
    data: string,
    isolation: Isolation,
    durability: Durability,
    finisher: TransactionFinisher,
    closed: (reader: FileLogReader) => void,
  ) {
    this.#closed = closed
    this.#env = env
    this.#data = data
    this.#isolation = isolation
    this.#durability = durability
    this.#finisher = finisher
  }

  async assign(topic: string, partition: number, offset: number): Promise<PartitionReader> {
    const files = new PartitionFiles(this.#env.files, this.#data, topic, partition)
    try {
      await files.settle()
      checkParts(files)
      if (this.#isolation === 'committed') await this.#finisher.finishIn(files)
    } catch (error) {
      files.close()
      throw diskFailed(files.directory, error, { topic, partition })
    }
    const reader = new FilePartitionReader(files, offset, this.#isolation, this.#durability, (closed) =>
      this.#readers.delete(closed),
    )
    this.#readers.add(reader)
    return reader
  }

  async wait(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const deadline = this.#env.clock.monotonic() + timeoutMs
    while (!signal?.aborted && !this.#hasMore()) {
      const left = deadline - this.#env.clock.monotonic()
      if (left <= 0) return
      const held = await this.#finishOthers()
      if (await this.#sleep(Math.min(left, held ? HELD_BACK_POLL_MS : SAFETY_POLL_MS), signal)) return
    }
  }

  async close(): Promise<void> {
    for (const reader of this.#readers) reader.close()
    this.#wake?.()
    this.#closed(this)
  }

  /** Ends the transactions of dead writers that hold a reader back; returns whether any reader is held back. */
  async #finishOthers(): Promise<boolean> {
    const held = [...this.#readers].filter((reader) => reader.heldBack)
    if (held.length === 0) {
      this.#nextFinishMs = undefined
      return false
    }
    const now = this.#env.clock.monotonic()
    const due = this.#nextFinishMs !== undefined && now >= this.#nextFinishMs
    if (due || this.#nextFinishMs === undefined) this.#nextFinishMs = now + HELD_BACK_POLL_MS
    if (!due) return true
    for (const reader of held) await this.#finisher.finishIn(reader.files)
    return true
  }

  #hasMore(): boolean {
    for (const reader of this.#readers) if (reader.endOffset > reader.position) return true
    return false
  }

  /** Sleeps until a tail changes, the time is over or the signal aborts; true if it was woken. */
  async #sleep(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { files, timers } = this.#env
    const woken = Promise.withResolvers<boolean>()
    const wake = () => woken.resolve(true)
    this.#wake = wake
    const watchers = [...this.#readers].flatMap((reader) => {
      try {
        return [files.watch(reader.tailPath, wake)]
      } catch {
        // The watch limit is used up, or the topic was just deleted: the safety poll notices the change.
        return []
      }
    })
    const timer = timers.after(ms, () => woken.resolve(false))
    signal?.addEventListener('abort', wake)
    try {
      // Something may have come between the last look and the watch.
      if (signal?.aborted || this.#hasMore()) return true
      return await woken.promise
    } finally {
      this.#wake = undefined
      signal?.removeEventListener('abort', wake)
      timer.cancel()
      for (const watcher of watchers) watcher.close()
    }
  }
}
