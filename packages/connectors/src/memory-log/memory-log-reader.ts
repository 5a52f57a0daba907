import type { Env, Isolation, LogReader, PartitionReader } from '@millrace/core'
import { MemoryPartitionReader } from './memory-partition-reader.ts'
import type { MemoryTopics } from './memory-topics.ts'

/** Reads any number of partitions, and waits until one of them has more. */
export class MemoryLogReader implements LogReader {
  readonly #env: Env
  readonly #topics: MemoryTopics
  readonly #isolation: Isolation
  readonly #readers = new Set<MemoryPartitionReader>()
  readonly #wakes = new Set<() => void>()

  constructor(env: Env, topics: MemoryTopics, isolation: Isolation) {
    this.#env = env
    this.#topics = topics
    this.#isolation = isolation
  }

  async assign(topic: string, partition: number, offset: number): Promise<PartitionReader> {
    const from = this.#topics.partition(topic, partition)
    const reader = new MemoryPartitionReader(from, offset, this.#isolation, (closed) => this.#readers.delete(closed))
    this.#readers.add(reader)
    return reader
  }

  async wait(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return
    for (const reader of this.#readers) if (reader.hasMore) return
    const woken = Promise.withResolvers<void>()
    const wake = () => woken.resolve()
    this.#wakes.add(wake)
    const watched = [...this.#readers].map((reader) => reader.onChange(wake))
    const timer = this.#env.timers.after(timeoutMs, wake)
    signal?.addEventListener('abort', wake)
    await woken.promise
    signal?.removeEventListener('abort', wake)
    timer.cancel()
    for (const unwatch of watched) unwatch()
    this.#wakes.delete(wake)
  }

  async close(): Promise<void> {
    for (const reader of this.#readers) reader.close()
    for (const wake of this.#wakes) wake()
  }
}
