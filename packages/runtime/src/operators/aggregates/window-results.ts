import { json, type Serde, type Windowed, windowed } from '@millrace/core'
import type { AggregateNode, IntervalStore, TimedStore, WindowEntry } from '@millrace/core/internal'
import type { EventTime } from '../../task/event-time.ts'
import { anySerde } from '../any-serde.ts'
import { TableOperator } from '../operator.ts'
import type { StepContext } from '../step-context.ts'
import { NotePendingOperator, PassPendingOperator, whenDue } from '../time/emit-every.ts'
import { type Completion, driveFinals, Finals } from '../time/finals.ts'
import { type LateRecords, lateRecords } from '../time/late-records.ts'
import { TimedResultsOperator } from '../time/timed-results.ts'
import { type Fold, foldOf } from './fold.ts'
import { shownTo } from './shown-results.ts'

/** What an aggregate by window is connected to, whatever its windows. */
export interface WindowResults {
  readonly fold: Fold
  readonly late: LateRecords
  /** Takes the changes, if they are wanted. What is emitted when windows close comes from `Finals`. */
  readonly next: TableOperator | undefined
}

/** The rows of windows, of one size or of any. */
type WindowRows = TimedStore<unknown, unknown, Row> & Pick<IntervalStore<unknown, unknown>, 'find'>
type Row = WindowEntry<unknown, unknown>

/** Prepares the results of an aggregate by window. To be called when compiling; what it returns, when connecting. */
export function windowResults(
  node: AggregateNode,
  completion: Completion<Row>,
  time: EventTime,
  store: WindowRows,
  context: StepContext,
): () => WindowResults {
  const connect = context.feedsTable(node) ? resultsOf(node, completion, time, store, context) : () => undefined
  return () => {
    const late = lateRecords(context.counts, context.lateAfter(node))
    return { fold: foldOf(node, node, context), late, next: connect(context.tableAfter(node)) }
  }
}

/** Connects what follows; returns what takes the changes. */
type ConnectNext = (next: TableOperator | undefined) => TableOperator | undefined

function resultsOf(
  node: AggregateNode,
  completion: Completion<Row>,
  time: EventTime,
  store: WindowRows,
  context: StepContext,
): ConnectNext {
  const [rows, pendingRows] = node.stores
  const shown = anySerde(node.fold === undefined ? rows.value : json())
  if (node.emit === 'changes') return (next) => shownTo(node.fold, next)
  if (node.emit === 'final') {
    const finals = new Finals(rows.name, completion, time, store, windowedKey, context.record)
    driveFinals(finals, node, context)
    return (next) => {
      finals.next = next && shownTo(node.fold, timedResults(node, finals, shown, context, next))
      return undefined
    }
  }
  if (node.window === undefined || pendingRows === undefined) throw new Error(`Step ${node.label} has no windows`)
  const every = { ...node.emit, graceMs: node.window.graceMs }
  const pending = context.instantStore(pendingRows, time)
  const due = new Finals(pendingRows.name, whenDue(every), time, pending, ({ key }) => key, context.record)
  driveFinals(due, node, context)
  return (next) => {
    const pass = next && new PassPendingOperator(pending, shownTo(node.fold, next))
    due.next = pass && new PresentRows(store, timedResults(node, due, anySerde(rows.value), context, pass))
    return new NotePendingOperator(every, time, pending)
  }
}

/** Passes on results; each is a separate unit, under the error policy of the step. */
export function timedResults(
  node: AggregateNode,
  finals: TimedResultsOperator['finals'],
  value: Serde<unknown>,
  context: StepContext,
  next: TableOperator,
): TableOperator {
  const key = windowed(anySerde(node.stores[0].key)) as Serde<unknown>
  return new TimedResultsOperator(context.resultsOf(node, key, value), finals, context.units, next)
}

/** Passes on rows as they are now, if they are due; what was passed on of them last is the old value. */
class PresentRows extends TableOperator {
  readonly #rows: WindowRows
  readonly #next: TableOperator

  constructor(rows: WindowRows, next: TableOperator) {
    super()
    this.#rows = rows
    this.#next = next
  }

  change(row: unknown, last: unknown, _old: unknown, timestamp: number): void {
    const { key, window } = row as Windowed<unknown>
    const { value = null } = this.#rows.find(key, window.start, window.end)
    this.#next.change(row, value, last, timestamp)
  }
}

/** The key of a window's row. */
export function windowedKey({ key, start, end }: WindowEntry<unknown, unknown>): unknown {
  return { key, window: { start, end } }
}
