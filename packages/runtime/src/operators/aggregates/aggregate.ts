import type { AggregateNode, KeyValueStore } from '@millrace/core/internal'
import { StreamOperator, type TableOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { CompileStep } from '../step-context.ts'
import { compileCalendarAggregate } from './calendar-aggregate.ts'
import { type Fold, foldOf, foldRecord } from './fold.ts'
import { compilePaneAggregate } from './pane-aggregate.ts'
import { compileSessionAggregate } from './session-aggregate.ts'
import { shownTo } from './shown-results.ts'
import { compileSlidingAggregate } from './sliding-aggregate.ts'
import { compileWindowAggregate } from './window-aggregate.ts'

/** An aggregate by key, or by key and window. */
export const compileAggregate: CompileStep<AggregateNode> = (node, context) => {
  const { window } = node
  if (window?.kind === 'session') return compileSessionAggregate(node, window, context)
  if (window?.kind === 'sliding') return compileSlidingAggregate(node, window, context)
  if (window?.kind === 'calendar') return compileCalendarAggregate(node, window, context)
  if (node.paned !== undefined) return compilePaneAggregate(node, node.paned, context)
  if (window !== undefined) return compileWindowAggregate(node, window, context)
  const [store] = node.stores
  return () => {
    const next = shownTo(node.fold, context.tableAfter(node))
    return [new AggregateOperator(foldOf(node, node, context), context.keyValueStore(store), next)]
  }
}

/**
 * Folds the records of each key into a total; a table. A change has the highest time among the records in the total.
 * Tombstones end here: they hold nothing to add.
 */
export class AggregateOperator extends StreamOperator {
  readonly #fold: Fold
  readonly #store: KeyValueStore<unknown, unknown>
  readonly #next: TableOperator | undefined

  constructor(fold: Fold, store: KeyValueStore<unknown, unknown>, next: TableOperator | undefined) {
    super()
    this.#fold = fold
    this.#store = store
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    requireKey(this.#fold.step, key)
    const entry = this.#store.find(key)
    const old = entry.value
    const total = foldRecord(this.#fold, old, value, key)
    const time = old === undefined || timestamp > entry.time ? timestamp : entry.time
    this.#store.set(entry, total, time)
    this.#next?.change(key, total, old ?? null, time)
  }
}
