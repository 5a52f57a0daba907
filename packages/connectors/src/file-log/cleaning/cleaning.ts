import { type ErrorPlace, MillraceError, RetriableError, type Timers, type TopicDescription } from '@millrace/core'
import { BehaviorSubject, type Observable } from 'rxjs'
import { messageOf } from '../errors.ts'

/**
 * How long closing a log waits for the cleaning in progress; a cleaning that is cut off continues when a segment is closed
 * again.
 */
const CLOSE_WAIT_MS = 5000

/** Cleans a partition: compacts it, or deletes what is too old. Rejects with the signal's reason if that is aborted. */
type Clean = (topic: TopicDescription, partition: number, signal: AbortSignal) => Promise<void>

/**
 * The cleaning of partitions in the background, after appends: one partition after the other, so that it takes the memory of
 * one only.
 */
export class Cleaning {
  readonly #clean: Clean
  readonly #timers: Timers
  readonly #failures = new BehaviorSubject<readonly MillraceError[]>([])
  readonly #closing = new AbortController()
  /** Partitions that wait for their turn, by topic id and number. */
  readonly #waiting = new Set<string>()
  #last: Promise<void> = Promise.resolve()
  #syncFailure: { readonly error: MillraceError } | undefined

  constructor(clean: Clean, timers: Timers) {
    this.#clean = clean
    this.#timers = timers
  }

  /** Why partitions could not be cleaned; each error stays until the partition is cleaned. */
  get failures(): Observable<readonly MillraceError[]> {
    return this.#failures
  }

  /**
   * Cleans a partition that has closed a segment. After a failure, it is tried again when the next segment is closed, except
   * after a failed sync.
   */
  behind(topic: TopicDescription, partition: number): void {
    const name = `${topic.id}/${partition}`
    // A cleaning that has not begun will find this segment, too.
    if (this.#waiting.has(name)) return
    this.#waiting.add(name)
    this.#last = this.#last.then(() => {
      this.#waiting.delete(name)
      return this.#run(topic, partition)
    })
  }

  /**
   * Throws the error of a failed sync: it concerns the log's own files, and a caller that relies on their being durable must
   * not continue.
   */
  check(): void {
    if (this.#syncFailure !== undefined) throw this.#syncFailure.error
  }

  /**
   * Makes appends durable with `sync`. If that fails, nothing is cleaned any more: a cleaning would sync the same files again,
   * and what the failed sync has lost would count as durable. Throws as `check` does, and what `sync` throws.
   */
  async syncing<T>(sync: () => Promise<T>): Promise<T> {
    this.check()
    try {
      return await sync()
    } catch (error) {
      if (isSyncFailure(error)) this.#closing.abort()
      throw error
    }
  }

  /** Resolves when no cleaning runs any more; a cleaning that takes too long is cut off. Throws as `check` does. */
  async settle(): Promise<void> {
    const timer = this.#timers.after(CLOSE_WAIT_MS, () => this.#closing.abort())
    await this.#last
    timer.cancel()
    this.#failures.complete()
    this.check()
  }

  async #run(topic: TopicDescription, partition: number): Promise<void> {
    const { signal } = this.#closing
    if (signal.aborted) return
    const others = () => this.#failures.value.filter(({ place }) => !isOf(place, topic.name, partition))
    try {
      await this.#clean(topic, partition, signal)
      if (this.#failures.value.length > 0) this.#failures.next(others())
    } catch (error) {
      if (signal.aborted && error === signal.reason) return
      if (isSyncFailure(error)) this.#syncFailure ??= { error }
      this.#failures.next([...others(), cleaningFailed(topic.name, partition, error)])
    }
  }
}

function isSyncFailure(error: unknown): error is MillraceError {
  return error instanceof MillraceError && error.code === 'LOG_SYNC_FAILED'
}

function isOf(place: ErrorPlace, topic: string, partition: number): boolean {
  return place.topic === topic && place.partition === partition
}

function cleaningFailed(topic: string, partition: number, cause: unknown): RetriableError {
  return new RetriableError(
    'CLEANING_FAILED',
    `Partition ${topic}/${partition} cannot be cleaned, and grows: ${messageOf(cause)}. Remove the cause: Millrace retries when ` +
      `the partition's next segment is closed`,
    { topic, partition, cause },
  )
}
