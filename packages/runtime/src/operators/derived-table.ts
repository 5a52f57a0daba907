import type { RecordContext } from '@millrace/core'
import type { UserCallback } from './callback.ts'
import { callbackFailed, TableOperator } from './operator.ts'

/** Where a derived table keeps its rows, if it does; windowed and plain tables alike. */
export interface RowStore {
  /** Stores the row (null deletes). */
  put(key: unknown, value: unknown): void
}

/**
 * A table whose rows are computed from the rows of another, one by one. It needs no memory of its own: old and new
 * value come together, so the old result is computed again from the old value. The callback must therefore be pure.
 */
export class DerivedTableOperator extends TableOperator {
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
    this.#store?.put(key, derived)
    this.#next?.change(key, derived, derivedOld, timestamp)
  }
}

/** Derives a row by keeping it or leaving it out. */
export function filterRow(step: string, fn: UserCallback, keep: boolean, context: RecordContext) {
  return (key: unknown, value: unknown): unknown => {
    try {
      return Boolean(fn(value, key, context)) === keep ? value : null
    } catch (error) {
      throw callbackFailed(step, error)
    }
  }
}

/** Derives a row by computing another value; undefined and null leave the row out. */
export function mapRow(step: string, fn: UserCallback, context: RecordContext) {
  return (key: unknown, value: unknown): unknown => {
    try {
      return fn(value, key, context) ?? null
    } catch (error) {
      throw callbackFailed(step, error)
    }
  }
}
