import type { State } from './state.ts'
import { timesOf } from './times.ts'
import type { TopicWriter } from './topic-writer.ts'

/** A record that waits for others of its key. */
export interface Kept<V> {
  readonly id: string
  readonly at: number
  /** What distinguishes it from the records with its key and time. */
  readonly sequence: number
  readonly value: V
  /** The value as text. */
  readonly text: string
  /** The next one of the same key. */
  next: Kept<V> | undefined
  /** The one that came after it, whatever its key. */
  newer: Kept<V> | undefined
  /** In LevelDB and in the changelog; undefined before the first commit. */
  stored: Buffer | undefined
  isGone: boolean
}

/**
 * The records of one side of a join by hand, which come in the order of their times: a map by key, and a list by time, from
 * whose front they are dropped. What is not there any more at the next commit is never written.
 */
export class KeptRecords<V> {
  readonly #prefix: Buffer
  readonly #byId = new Map<string, Kept<V>>()
  #oldest: Kept<V> | undefined
  #newest: Kept<V> | undefined
  #added: Kept<V>[] = []
  #dropped: Buffer[] = []

  constructor(store: string) {
    this.#prefix = Buffer.from(`${store}\0`)
  }

  /** The first record of a key; the others follow it. */
  first(id: string): Kept<V> | undefined {
    return this.#byId.get(id)
  }

  add(id: string, at: number, value: V, text: string): void {
    let last = this.#byId.get(id)
    while (last?.next !== undefined) last = last.next
    const sequence = last?.at === at ? last.sequence + 1 : 0
    const kept = {
      id,
      at,
      sequence,
      value,
      text,
      next: undefined,
      newer: undefined,
      stored: undefined,
      isGone: false,
    }
    if (last === undefined) this.#byId.set(id, kept)
    else last.next = kept
    if (this.#newest === undefined) this.#oldest = kept
    else this.#newest.newer = kept
    this.#newest = kept
    this.#added.push(kept)
  }

  /** Drops the records of earlier times. */
  dropBefore(time: number): void {
    let oldest = this.#oldest
    while (oldest !== undefined && oldest.at < time) {
      const { id, next, stored } = oldest
      if (next === undefined) this.#byId.delete(id)
      else this.#byId.set(id, next)
      oldest.isGone = true
      if (stored !== undefined) this.#dropped.push(stored)
      oldest = oldest.newer
    }
    this.#oldest = oldest
    if (oldest === undefined) this.#newest = undefined
  }

  /** Adds what has changed since the last commit to the batches of this one. */
  freeze(now: number, changelog: TopicWriter, batch: ReturnType<State['batch']>): void {
    for (const key of this.#dropped) {
      changelog.appendTombstone(now, key)
      batch.del(key)
    }
    for (const kept of this.#added) {
      if (kept.isGone) continue
      const key = Buffer.concat([this.#prefix, Buffer.from(kept.id), timesOf(kept.at, kept.sequence)])
      changelog.append(now, key, 0, key.length, kept.text)
      batch.put(key, Buffer.from(kept.text))
      kept.stored = key
    }
    this.#dropped = []
    this.#added = []
  }
}
