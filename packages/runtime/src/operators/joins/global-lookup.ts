import type { GlobalLookupNode, KeyValueStore } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import { type UserCallback, userCallback } from '../callback.ts'
import { callbackFailed, StreamOperator } from '../operator.ts'
import { returned } from '../returned.ts'
import type { CompileStep } from '../step-context.ts'
import { joinedValue, type UserJoiner } from './joined-value.ts'

export const compileGlobalLookup: CompileStep<GlobalLookupNode> = (node, context) => () => {
  const rows = context.keyValueStore(node.stores[0])
  const next = context.streamAfter(node)
  return [new GlobalLookupOperator(node, rows, context.record, next), new GlobalRowsOperator(rows)]
}

/** Joins each record with the row that it refers to. Tombstones end here: they have nothing to join. */
class GlobalLookupOperator extends StreamOperator {
  readonly #step: string
  readonly #keyOf: UserCallback
  readonly #join: UserJoiner
  readonly #unmatched: boolean
  readonly #rows: KeyValueStore<unknown, unknown>
  readonly #record: CurrentRecord
  readonly #next: StreamOperator

  constructor(
    { label, keyOf, fn, unmatched }: GlobalLookupNode,
    rows: KeyValueStore<unknown, unknown>,
    record: CurrentRecord,
    next: StreamOperator,
  ) {
    super()
    this.#step = label
    this.#keyOf = userCallback(keyOf)
    this.#join = fn as UserJoiner
    this.#unmatched = unmatched
    this.#rows = rows
    this.#record = record
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    const rowKey = this.#rowKey(value, key)
    const row = rowKey === null ? null : (this.#rows.find(rowKey).value ?? null)
    if (row === null && !this.#unmatched) return
    this.#next.process(key, joinedValue(this.#step, this.#join, value, row, key, this.#record), timestamp)
  }

  #rowKey(value: unknown, key: unknown): unknown {
    try {
      return returned(this.#step, this.#keyOf(value, key, this.#record))
    } catch (error) {
      throw callbackFailed(this.#step, error)
    }
  }
}

/** Keeps the rows of a global table. */
class GlobalRowsOperator extends StreamOperator {
  readonly #rows: KeyValueStore<unknown, unknown>

  constructor(rows: KeyValueStore<unknown, unknown>) {
    super()
    this.#rows = rows
  }

  process(key: unknown, value: unknown): void {
    this.#rows.set(this.#rows.find(key), value ?? undefined)
  }
}
