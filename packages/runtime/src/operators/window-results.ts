import { json, type Serde, windowed } from '@millrace/core'
import type { AggregateNode, TimedStore, WindowEntry } from '@millrace/core/internal'
import type { EventTime } from '../task/event-time.ts'
import { anySerde } from './any-serde.ts'
import { type Completion, Finals } from './finals.ts'
import { type Fold, foldOf } from './fold.ts'
import { type LateRecords, lateRecords } from './late-records.ts'
import type { TableOperator } from './operator.ts'
import { shownTo } from './shown-results.ts'
import type { StepContext } from './step-context.ts'
import { TimedResultsOperator } from './timed-results.ts'

/** What an aggregate by window is connected to, whatever its windows. */
export interface WindowResults {
  readonly fold: Fold
  readonly late: LateRecords
  /** Takes the changes, if they are wanted. What is emitted when windows close comes from `Finals`. */
  readonly next: TableOperator | undefined
}

/** Prepares the results of an aggregate by window. To be called when compiling; what it returns, when connecting. */
export function windowResults(
  node: AggregateNode,
  completion: Completion,
  time: EventTime,
  store: TimedStore<unknown, unknown, WindowEntry<unknown, unknown>>,
  context: StepContext,
): () => WindowResults {
  const { record, counts, units } = context
  const [{ name, key, value }] = node.stores
  const final = node.emit === 'final'
  const finals =
    final && context.feedsTable(node) ? new Finals(name, completion, time, store, windowedKey, record) : undefined
  if (finals !== undefined) {
    context.drive(finals)
    context.holdBack(node, name, time, finals)
  }
  return () => {
    const next = context.tableAfter(node)
    if (finals !== undefined && next !== undefined) {
      const rowKey = windowed(anySerde(key)) as Serde<unknown>
      const shown = anySerde(node.fold === undefined ? value : json())
      finals.next = shownTo(node.fold, new TimedResultsOperator(node.label, rowKey, shown, finals, units, next))
    }
    const late = lateRecords(counts, context.lateAfter(node))
    return { fold: foldOf(node, node, context), late, next: final ? undefined : shownTo(node.fold, next) }
  }
}

/** The key of a window's row. */
export function windowedKey({ key, start, end }: WindowEntry<unknown, unknown>): unknown {
  return { key, window: { start, end } }
}
