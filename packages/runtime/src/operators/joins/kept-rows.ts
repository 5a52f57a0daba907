import type { KeyValueStore } from '@millrace/core/internal'
import { TableOperator } from '../operator.ts'

/** Keeps the rows of a table in a store. */
export class KeptRowsOperator extends TableOperator {
  readonly #rows: KeyValueStore<unknown, unknown>

  constructor(rows: KeyValueStore<unknown, unknown>) {
    super()
    this.#rows = rows
  }

  change(key: unknown, value: unknown): void {
    this.#rows.set(this.#rows.find(key), value ?? undefined)
  }
}
