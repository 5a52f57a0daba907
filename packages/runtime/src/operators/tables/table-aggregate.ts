import type { Change, KeyValueStore, TableAggregateNode, TableCountNode } from '@millrace/core/internal'
import { type Fold, foldOf, foldRecord } from '../aggregates/fold.ts'
import type { UserAdd } from '../callback.ts'
import { StreamOperator, type TableOperator } from '../operator.ts'
import type { CompileStep } from '../step-context.ts'

export const compileTableCount: CompileStep<TableCountNode> = (node, context) => {
  const counts = context.keyValueStore(node.stores[0])
  return () => [new TableCountOperator(counts, context.tableAfter(node))]
}

export const compileTableAggregate: CompileStep<TableAggregateNode> = (node, context) => {
  const [totals, rows] = node.stores.map((store) => context.keyValueStore(store)) as [AnyStore, AnyStore]
  return () => {
    const add = foldOf(node, node, context)
    // A total is subtracted from only while rows are left, so that it never begins there.
    const subtract: Fold = { ...add, init: undefined, add: node.subtract as UserAdd }
    return [new TableAggregateOperator(add, subtract, totals, rows, context.tableAfter(node))]
  }
}

type AnyStore = KeyValueStore<unknown, unknown>

/** Counts the rows of each group; a group without rows has no count. */
class TableCountOperator extends StreamOperator {
  readonly #counts: AnyStore
  readonly #next: TableOperator | undefined

  constructor(counts: AnyStore, next: TableOperator | undefined) {
    super()
    this.#counts = counts
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    const { first: old, second: row } = value as Change<unknown>
    const entry = this.#counts.find(key)
    const before = (entry.value as number | undefined) ?? 0
    const count = rowsWithout(before, old) + (row === null ? 0 : 1)
    if (count === before) return
    const time = before === 0 || timestamp > entry.time ? timestamp : entry.time
    this.#counts.set(entry, count === 0 ? undefined : count, time)
    this.#next?.change(key, count === 0 ? null : count, before === 0 ? null : before, time)
  }
}

/**
 * Folds the rows of each group into a total. A change takes the old value of a row out of the total and adds the new one, and is
 * passed on as one change. With its last row a group loses its total, so that the next row begins a new one.
 */
class TableAggregateOperator extends StreamOperator {
  readonly #add: Fold
  readonly #subtract: Fold
  readonly #totals: AnyStore
  /** How many rows are in each total. */
  readonly #rows: AnyStore
  readonly #next: TableOperator | undefined

  constructor(add: Fold, subtract: Fold, totals: AnyStore, rows: AnyStore, next: TableOperator | undefined) {
    super()
    this.#add = add
    this.#subtract = subtract
    this.#totals = totals
    this.#rows = rows
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    const { first: old, second: row } = value as Change<unknown>
    const counted = this.#rows.find(key)
    const before = (counted.value as number | undefined) ?? 0
    const rest = rowsWithout(before, old)
    const count = rest + (row === null ? 0 : 1)
    if (count === 0 && before === 0) return
    const entry = this.#totals.find(key)
    const oldTotal = entry.value
    let total = rest === 0 ? undefined : oldTotal
    if (rest < before && rest > 0) total = foldRecord(this.#subtract, total, old, key)
    if (row !== null) total = foldRecord(this.#add, total, row, key)
    const time = oldTotal === undefined || timestamp > entry.time ? timestamp : entry.time
    this.#totals.set(entry, total, time)
    if (count !== before) this.#rows.set(counted, count === 0 ? undefined : count)
    this.#next?.change(key, total ?? null, oldTotal ?? null, time)
  }
}

/**
 * How many rows a group has without the old value of one. A total that was started empty, or in which a failed row is missing,
 * may not have the row that leaves.
 */
function rowsWithout(rows: number, old: unknown): number {
  return old === null ? rows : Math.max(0, rows - 1)
}
