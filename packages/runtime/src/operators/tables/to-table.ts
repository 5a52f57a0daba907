import type { Serde } from '@millrace/core'
import type { KeyValueStore, ToTableNode } from '@millrace/core/internal'
import { anySerde } from '../any-serde.ts'
import { StreamOperator, type TableOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { CompileStep } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import { compileExpiringTable } from './expiring-table.ts'
import { compileVersionedTable } from './versioned-table.ts'

export const compileToTable: CompileStep<ToTableNode> = (node, context) => {
  if (node.expiry !== undefined) return compileExpiringTable(node, node.expiry, context)
  if (node.history !== undefined) return compileVersionedTable(node, node.history, context)
  return () => {
    const [store] = node.stores
    const rows = context.keyValueStore(store)
    return [new ToTableOperator(node.label, anySerde(store.value), rows, context.tableAfter(node))]
  }
}

/** Keeps the latest value of each key; a tombstone deletes the row. */
class ToTableOperator extends StreamOperator {
  readonly #step: string
  readonly #value: Serde<unknown>
  readonly #store: KeyValueStore<unknown, unknown>
  readonly #next: TableOperator | undefined

  constructor(
    step: string,
    value: Serde<unknown>,
    store: KeyValueStore<unknown, unknown>,
    next: TableOperator | undefined,
  ) {
    super()
    this.#step = step
    this.#value = value
    this.#store = store
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    requireKey(this.#step, key)
    const entry = this.#store.find(key)
    const old = entry.value ?? null
    if (value === null && old === null) return
    const kept = value === null ? null : storedValue(this.#step, this.#value, value, key)
    this.#store.set(entry, kept ?? undefined)
    this.#next?.change(key, kept, old, timestamp)
  }
}
