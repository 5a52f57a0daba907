import { RecordError } from '@millrace/core'
import {
  type AggregateNode,
  type FixedWindows,
  type InstantEntry,
  type InstantStore,
  isWindowClosed,
  lastWindowStart,
  type WindowStore,
} from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { EventTime } from '../../task/event-time.ts'
import { anySerde } from '../any-serde.ts'
import { StreamOperator, TableOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { Connect, StepContext } from '../step-context.ts'
import { Finals, whenClosed } from '../time/finals.ts'
import { judgingWatermark, type LateRecords, lateRecords, passLate } from '../time/late-records.ts'
import { type Fold, foldOf, foldRecord, mergeTotals } from './fold.ts'
import { shownTo } from './shown-results.ts'
import { TotalCopier } from './total-copier.ts'
import { timedResults } from './window-results.ts'

/**
 * Totals of panes: by key, start of the pane, and which of its windows have them. The sequence is 0 for the records that all windows
 * of the pane have; else how many of its first windows were closed when the records came.
 */
type Panes = InstantStore<unknown, unknown>

/** For each key with panes, the start of the first window that is not emitted and may have records. */
type NextWindows = InstantStore<unknown, unknown>

/**
 * An aggregate by key and hopping window, of which only finals are wanted. Windows overlap: a record is folded once, into the pane
 * that it is in, and a window is merged of its panes when it closes.
 */
export function compilePaneAggregate(node: AggregateNode, windows: FixedWindows, context: StepContext): Connect {
  const [rowsPlan, panesPlan, nextPlan] = node.stores
  if (panesPlan === undefined || nextPlan === undefined) throw new Error(`Step ${node.label} keeps no panes`)
  const { record, counts } = context
  const time = context.timeBefore(node)
  const rows = context.windowStore(rowsPlan, time)
  const panes = context.instantStore(panesPlan, time)
  const nextWindows = context.instantStore(nextPlan, time)
  const finals = new Finals(rowsPlan.name, whenClosed(windows), time, nextWindows, (next) => next, record)
  context.drive(finals)
  context.holdBack(node, rowsPlan.name, time, finals)
  return () => {
    const fold = foldOf(node, node, context)
    const copier = node.fold === undefined ? new TotalCopier(fold.value) : undefined
    const keep = new KeepRowOperator(rows, shownTo(node.fold, context.tableAfter(node)))
    const results = timedResults(node, finals, anySerde(rowsPlan.value), context, keep)
    finals.next = new MergePanesOperator(fold, copier, windows, panes, nextWindows, keep, results)
    const late = lateRecords(counts, context.lateAfter(node))
    return [new PaneAggregateOperator(fold, windows, time, record, panes, nextWindows, late)]
  }
}

/** Folds the records of each key and pane into a total. What is late for a window is as for other windows of one size. */
class PaneAggregateOperator extends StreamOperator {
  readonly #fold: Fold
  readonly #windows: FixedWindows
  readonly #time: EventTime
  readonly #record: CurrentRecord
  readonly #panes: Panes
  readonly #nextWindows: NextWindows
  readonly #late: LateRecords

  constructor(
    fold: Fold,
    windows: FixedWindows,
    time: EventTime,
    record: CurrentRecord,
    panes: Panes,
    nextWindows: NextWindows,
    late: LateRecords,
  ) {
    super()
    this.#fold = fold
    this.#windows = windows
    this.#time = time
    this.#record = record
    this.#panes = panes
    this.#nextWindows = nextWindows
    this.#late = late
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    requireKey(this.#fold.step, key)
    const windows = this.#windows
    const { advanceMs } = windows
    const watermark = judgingWatermark(this.#record, this.#time)
    const pane = lastWindowStart(timestamp, advanceMs)
    const first = firstWindow(pane, windows)
    let open = first
    while (open <= pane && isWindowClosed(open, watermark, windows)) open += advanceMs
    if (open <= pane) this.#add(key, value, pane, open)
    if (open > first) passLate(this.#late, key, value, timestamp)
  }

  /** Adds a record to its pane, for the windows from `open` on. */
  #add(key: unknown, value: unknown, pane: number, open: number): void {
    const windows = this.#windows
    const closed = (open - firstWindow(pane, windows)) / windows.advanceMs
    const entry = this.#panes.find(key, pane, closed)
    const old = entry.value
    this.#panes.set(entry, foldRecord(this.#fold, old, value, key))
    if (old === undefined) noteNext(this.#nextWindows, key, open)
  }
}

/** Merges the panes of a window that has closed, and finds the next window of its key. */
class MergePanesOperator extends TableOperator {
  readonly #fold: Fold
  /** A merge may change the totals that it gets, or return one of them; later windows have the same panes. Ready-made folds do not. */
  readonly #copier: TotalCopier | undefined
  readonly #windows: FixedWindows
  readonly #panes: Panes
  readonly #nextWindows: NextWindows
  readonly #keep: KeepRowOperator
  readonly #results: TableOperator

  constructor(
    fold: Fold,
    copier: TotalCopier | undefined,
    windows: FixedWindows,
    panes: Panes,
    nextWindows: NextWindows,
    keep: KeepRowOperator,
    results: TableOperator,
  ) {
    super()
    // Each pane is copied once, so what is merged already needs no copy.
    this.#fold = { ...fold, copier: undefined }
    this.#copier = copier
    this.#windows = windows
    this.#panes = panes
    this.#nextWindows = nextWindows
    this.#keep = keep
    this.#results = results
  }

  change(next: unknown, _value: unknown, _old: unknown, timestamp: number): void {
    const { key, at: start } = next as InstantEntry<unknown, unknown>
    this.#findNext(key, start)
    const total = this.#total(key, start)
    if (total === undefined) return
    const row = { key, window: { start, end: start + this.#windows.sizeMs } }
    // A refusal is one of the result, under its error policy.
    this.#keep.refusal = total instanceof RecordError ? total : undefined
    this.#results.change(row, total instanceof RecordError ? null : total, null, timestamp)
  }

  #findNext(key: unknown, start: number): void {
    const windows = this.#windows
    this.#nextWindows.set(this.#nextWindows.find(key, start, 0), undefined)
    const second = start + windows.advanceMs
    for (const { at } of this.#panes.ofKey(key, second, Number.POSITIVE_INFINITY)) {
      noteNext(this.#nextWindows, key, Math.max(second, firstWindow(at, windows)))
      return
    }
  }

  /** The total of a window, or why it cannot be computed; undefined if none of its panes has a record for it. */
  #total(key: unknown, start: number): unknown {
    const windows = this.#windows
    const { sizeMs, advanceMs } = windows
    let total: unknown
    try {
      for (const { at, sequence, value } of this.#panes.ofKey(key, start, start + sizeMs)) {
        if (firstWindow(at, windows) + sequence * advanceMs > start) continue
        const part = this.#copier === undefined ? value : this.#copier.copy(value)
        total = total === undefined ? part : mergeTotals(this.#fold, total, part, key)
      }
    } catch (error) {
      if (error instanceof RecordError) return error
      throw error
    }
    return total
  }
}

/** Keeps the row of a window that has closed, and passes it on. */
class KeepRowOperator extends TableOperator {
  readonly #rows: WindowStore<unknown, unknown>
  readonly #next: TableOperator | undefined
  /** Why the row that comes next has no total. */
  refusal: RecordError | undefined

  constructor(rows: WindowStore<unknown, unknown>, next: TableOperator | undefined) {
    super()
    this.#rows = rows
    this.#next = next
  }

  change(row: unknown, total: unknown, old: unknown, timestamp: number): void {
    if (this.refusal !== undefined) throw this.refusal
    const { key, window } = row as { readonly key: unknown; readonly window: { readonly start: number } }
    this.#rows.set(this.#rows.find(key, window.start), total, timestamp)
    this.#next?.change(row, total, old, timestamp)
  }
}

/** The start of the first window that a pane is in. */
function firstWindow(pane: number, { sizeMs, advanceMs }: FixedWindows): number {
  return pane + advanceMs - sizeMs
}

/** Notes that a window of a key has records. Of those that are noted, the first counts. */
function noteNext(nextWindows: NextWindows, key: unknown, start: number): void {
  for (const noted of nextWindows.ofKey(key, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)) {
    if (noted.at <= start) return
    nextWindows.set(noted, undefined)
  }
  nextWindows.set(nextWindows.find(key, start, 0), start)
}
