import type { KeyValueStore, TableLookupNode } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import { StreamOperator, TableOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { CompileStep } from '../step-context.ts'
import { joinedValue, type UserJoiner } from './joined-value.ts'
import { KeptRowsOperator } from './kept-rows.ts'

export const compileTableLookup: CompileStep<TableLookupNode> = (node, context) => () => {
  const rows = context.keyValueStore(node.rows)
  const next = context.streamAfter(node)
  return [
    new TableLookupOperator(node, rows, context.record, next),
    node.stores.length > 0 ? new KeptRowsOperator(rows) : UNUSED,
  ]
}

/** Joins each record with the row of its key. Tombstones end here: they have nothing to join. */
class TableLookupOperator extends StreamOperator {
  readonly #step: string
  readonly #join: UserJoiner
  readonly #unmatched: boolean
  readonly #rows: KeyValueStore<unknown, unknown>
  readonly #record: CurrentRecord
  readonly #next: StreamOperator

  constructor(
    { label, fn, unmatched }: TableLookupNode,
    rows: KeyValueStore<unknown, unknown>,
    record: CurrentRecord,
    next: StreamOperator,
  ) {
    super()
    this.#step = label
    this.#join = fn as UserJoiner
    this.#unmatched = unmatched
    this.#rows = rows
    this.#record = record
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    requireKey(this.#step, key)
    const row = this.#rows.find(key).value ?? null
    if (row === null && !this.#unmatched) return
    this.#next.process(key, joinedValue(this.#step, this.#join, value, row, key, this.#record), timestamp)
  }
}

/** For a table that keeps its rows: they have changed already. */
const UNUSED: TableOperator = new (class extends TableOperator {
  change(): void {}
})()
