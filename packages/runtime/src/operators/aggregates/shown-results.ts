import type { FoldPlan } from '@millrace/core/internal'
import { TableOperator } from '../operator.ts'

/** What takes a step's changes of totals: as they are, or of ready-made folds as their results. */
export function shownTo(fold: FoldPlan | undefined, next: TableOperator): TableOperator
export function shownTo(fold: FoldPlan | undefined, next: TableOperator | undefined): TableOperator | undefined
export function shownTo(fold: FoldPlan | undefined, next: TableOperator | undefined): TableOperator | undefined {
  return fold === undefined || next === undefined ? next : new ShownResultsOperator(fold, next)
}

/** Passes on the results of totals. A result depends on its total alone, so the old one is what was passed on before. */
class ShownResultsOperator extends TableOperator {
  readonly #fold: FoldPlan
  readonly #next: TableOperator

  constructor(fold: FoldPlan, next: TableOperator) {
    super()
    this.#fold = fold
    this.#next = next
  }

  change(key: unknown, value: unknown, old: unknown, timestamp: number): void {
    const { result } = this.#fold
    this.#next.change(key, value === null ? null : result(value), old === null ? null : result(old), timestamp)
  }
}
