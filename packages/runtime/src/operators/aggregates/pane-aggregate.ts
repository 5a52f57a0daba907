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
import { driveFinals, Finals, whenClosed } from '../time/finals.ts'
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
  driveFinals(finals, node, context)
  return () => {
    const fold = foldOf(node, node, context)
    const copier = node.fold === undefined ? new TotalCopier(fold.value) : undefined
    const pass = new PassFinalOperator(shownTo(node.fold, context.tableAfter(node)))
    const results = timedResults(node, finals, anySerde(rowsPlan.value), context, pass)
    finals.next = new MergePanesOperator({ fold, copier, windows, panes, nextWindows, rows, pass, results })
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

/** What windows are merged with. */
interface Merging {
  readonly fold: Fold
  /** A merge may change the totals that it gets, or return one of them; later windows have the same panes. Ready-made folds do not. */
  readonly copier: TotalCopier | undefined
  readonly windows: FixedWindows
  readonly panes: Panes
  readonly nextWindows: NextWindows
  readonly rows: WindowStore<unknown, unknown>
  readonly pass: PassFinalOperator
  /** Makes a unit of what is passed on. */
  readonly results: TableOperator
}

/** Merges the panes of a window that has closed, and finds the next window of its key. */
class MergePanesOperator extends TableOperator {
  readonly #merging: Merging

  constructor(merging: Merging) {
    super()
    // Each pane is copied once, so what is merged already needs no copy.
    this.#merging = { ...merging, fold: { ...merging.fold, copier: undefined } }
  }

  change(next: unknown, _value: unknown, _old: unknown, timestamp: number): void {
    const { windows, rows, pass, results } = this.#merging
    const { key, at: start } = next as InstantEntry<unknown, unknown>
    this.#findNext(key, start)
    const total = this.#total(key, start)
    if (total === undefined) return
    const refusal = total instanceof RecordError ? total : undefined
    // The row stays in the view also if what follows fails: as that of other windows does.
    if (refusal === undefined) rows.set(rows.find(key, start), total, timestamp)
    // A refusal is one of the result, under its error policy.
    pass.refusal = refusal
    const row = { key, window: { start, end: start + windows.sizeMs } }
    results.change(row, refusal === undefined ? total : null, null, timestamp)
  }

  #findNext(key: unknown, start: number): void {
    const { windows, panes, nextWindows } = this.#merging
    nextWindows.set(nextWindows.find(key, start, 0), undefined)
    const second = start + windows.advanceMs
    for (const { at } of panes.ofKey(key, second)) {
      noteNext(nextWindows, key, Math.max(second, firstWindow(at, windows)))
      return
    }
  }

  /** The total of a window, or why it cannot be computed; undefined if none of its panes has a record for it. */
  #total(key: unknown, start: number): unknown {
    const { fold, copier, windows, panes } = this.#merging
    const { sizeMs, advanceMs } = windows
    let total: unknown
    try {
      for (const { at, sequence, value } of panes.ofKey(key, start, start + sizeMs)) {
        if (firstWindow(at, windows) + sequence * advanceMs > start) continue
        const part = copier === undefined ? value : copier.copy(value)
        total = total === undefined ? part : mergeTotals(fold, total, part, key)
      }
    } catch (error) {
      if (error instanceof RecordError) return error
      throw error
    }
    return total
  }
}

/** Passes on the final of a window. */
class PassFinalOperator extends TableOperator {
  readonly #next: TableOperator | undefined
  /** Why the final that comes next has no total. */
  refusal: RecordError | undefined

  constructor(next: TableOperator | undefined) {
    super()
    this.#next = next
  }

  change(row: unknown, total: unknown, old: unknown, timestamp: number): void {
    if (this.refusal !== undefined) throw this.refusal
    this.#next?.change(row, total, old, timestamp)
  }
}

/** The start of the first window that a pane is in. */
function firstWindow(pane: number, { sizeMs, advanceMs }: FixedWindows): number {
  return pane + advanceMs - sizeMs
}

/** Notes that a window of a key has records. Of those that are noted, the first counts. */
function noteNext(nextWindows: NextWindows, key: unknown, start: number): void {
  for (const noted of nextWindows.ofKey(key)) {
    if (noted.at <= start) return
    nextWindows.set(noted, undefined)
  }
  nextWindows.set(nextWindows.find(key, start, 0), start)
}
