import type { RecordContext } from '@millrace/core'
import type { StorePlan, TableFilterNode, TableMapValuesNode } from '@millrace/core/internal'
import type { EventTime } from '../../task/event-time.ts'
import { anySerde } from '../any-serde.ts'
import { type UserCallback, userCallback } from '../callback.ts'
import { callbackFailed, TableOperator } from '../operator.ts'
import { answered, returned } from '../returned.ts'
import type { CompileStep, Connect, StepContext } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import { rowsIn } from './rows.ts'

export const compileTableFilter: CompileStep<TableFilterNode> = (node, context) =>
  compileDerived(node, filterRow(node.label, userCallback(node.fn), node.keep, context.record), context)

export const compileTableMapValues: CompileStep<TableMapValuesNode> = (node, context) =>
  compileDerived(node, mapRow(node.label, userCallback(node.fn), context.record), context)

function compileDerived(
  node: TableFilterNode | TableMapValuesNode,
  derive: (key: unknown, value: unknown) => unknown,
  context: StepContext,
): Connect {
  const [store] = node.stores
  const rows = store && rowStore(node.label, store, context.timeBefore(node), context)
  return () => [new DerivedTableOperator(derive, rows, context.tableAfter(node))]
}

function rowStore(step: string, store: StorePlan, time: EventTime, context: StepContext): RowStore {
  const serde = anySerde(store.value)
  const rows = rowsIn(store, time, context)
  return {
    put(key, value) {
      const row = value === null ? null : storedValue(step, serde, value, key)
      rows.set(rows.find(key), row ?? undefined)
      return row
    },
  }
}

/** The place where a derived table keeps its rows, if it keeps them. */
interface RowStore {
  /** Stores the row (null deletes); returns the value as it is kept. */
  put(key: unknown, value: unknown): unknown
}

/**
 * A table whose rows are computed from the rows of another, one by one. It needs no memory: the old and the new value come
 * together, so the old result is computed again from the old value. The callback must therefore be pure.
 */
class DerivedTableOperator extends TableOperator {
  readonly #derive: (key: unknown, value: unknown) => unknown
  readonly #store: RowStore | undefined
  readonly #next: TableOperator | undefined

  constructor(
    derive: (key: unknown, value: unknown) => unknown,
    store: RowStore | undefined,
    next: TableOperator | undefined,
  ) {
    super()
    this.#derive = derive
    this.#store = store
    this.#next = next
  }

  change(key: unknown, value: unknown, old: unknown, timestamp: number): void {
    const derived = value === null ? null : this.#derive(key, value)
    const derivedOld = old === null ? null : this.#derive(key, old)
    if (derived === null && derivedOld === null) return
    const kept = this.#store === undefined ? derived : this.#store.put(key, derived)
    this.#next?.change(key, kept, derivedOld, timestamp)
  }
}

/** Derives a row by keeping it or leaving it out. */
function filterRow(step: string, fn: UserCallback, keep: boolean, context: RecordContext) {
  return (key: unknown, value: unknown): unknown => {
    try {
      return answered(step, fn(value, key, context)) === keep ? value : null
    } catch (error) {
      throw callbackFailed(step, error)
    }
  }
}

/** Derives a row by computing another value; null leaves the row out. */
function mapRow(step: string, fn: UserCallback, context: RecordContext) {
  return (key: unknown, value: unknown): unknown => {
    try {
      return returned(step, fn(value, key, context))
    } catch (error) {
      throw callbackFailed(step, error)
    }
  }
}
