import type { KeyValueStore } from '@millrace/core/internal'
import { requireKey } from './aggregate.ts'
import { StreamOperator, type TableOperator } from './operator.ts'

/** Keeps the latest value of each key; a tombstone deletes the row. */
export class ToTableOperator extends StreamOperator {
  readonly #step: string
  readonly #store: KeyValueStore<unknown, unknown>
  readonly #next: TableOperator | undefined

  constructor(step: string, store: KeyValueStore<unknown, unknown>, next: TableOperator | undefined) {
    super()
    this.#step = step
    this.#store = store
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    requireKey(this.#step, key)
    const entry = this.#store.find(key)
    const old = entry.value ?? null
    if (value === null && old === null) return
    this.#store.set(entry, value ?? undefined)
    this.#next?.change(key, value ?? null, old, timestamp)
  }
}
