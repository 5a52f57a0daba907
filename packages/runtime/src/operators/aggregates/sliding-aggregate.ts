import type {
  AggregateNode,
  InstantEntry,
  InstantStore,
  SlidingWindows,
  StorePlan,
  WindowStore,
} from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { EventTime } from '../../task/event-time.ts'
import { anySerde } from '../any-serde.ts'
import { freeEntry } from '../free-entry.ts'
import { StreamOperator, TableOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { Connect, StepContext } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import { driveFinals, Finals } from '../time/finals.ts'
import { isLate, type LateRecords, lateRecords, passLate } from '../time/late-records.ts'
import { TimedResultsOperator } from '../time/timed-results.ts'
import { type Fold, foldOf, foldRecord } from './fold.ts'
import { shownTo } from './shown-results.ts'

type KeptRecord = InstantEntry<unknown, unknown>
type Records = InstantStore<unknown, unknown>

/** An aggregate by key and sliding window. */
export function compileSlidingAggregate(node: AggregateNode, windows: SlidingWindows, context: StepContext): Connect {
  const { record, counts, units } = context
  const [totalsPlan, recordsPlan] = node.stores
  if (recordsPlan === undefined) throw new Error(`Step ${node.label} keeps no records`)
  const time = context.timeBefore(node)
  const totals = context.windowStore(totalsPlan, time)
  const records = context.instantStore(recordsPlan, time)
  // A record is late only behind a watermark that has passed its time by more than the grace.
  const completion = { delayMs: windows.graceMs + 1, resultMs: 0, advanceMs: 1 }
  const finals = new Finals<KeptRecord>(totalsPlan.name, completion, time, records, (entry) => entry, record)
  driveFinals(finals, node, context)
  return () => {
    const next = shownTo(node.fold, context.tableAfter(node))
    // Each total is computed from scratch, so there is nothing to copy.
    const fold = { ...foldOf(node, node, context), copier: undefined }
    const results = new SlidingResultsOperator(fold, windows, record, records, totals, next)
    const kept = context.resultsOf(node, anySerde(recordsPlan.key), anySerde(recordsPlan.value))
    finals.next = new OncePerTime(new TimedResultsOperator(kept, finals, units, results))
    const late = lateRecords(counts, context.lateAfter(node))
    return [new SlidingRecordsOperator(windows, fold.step, recordsPlan, time, record, records, late)]
  }
}

/** Keeps the records of sliding windows. A record is late if the watermark has passed its time by more than the grace. */
class SlidingRecordsOperator extends StreamOperator {
  readonly #windows: SlidingWindows
  readonly #step: string
  readonly #plan: StorePlan
  readonly #time: EventTime
  readonly #record: CurrentRecord
  readonly #records: Records
  readonly #late: LateRecords

  constructor(
    windows: SlidingWindows,
    step: string,
    plan: StorePlan,
    time: EventTime,
    record: CurrentRecord,
    records: Records,
    late: LateRecords,
  ) {
    super()
    this.#windows = windows
    this.#step = step
    this.#plan = plan
    this.#time = time
    this.#record = record
    this.#records = records
    this.#late = late
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    requireKey(this.#step, key)
    if (isLate(this.#record, this.#time, timestamp, this.#windows.graceMs)) {
      passLate(this.#late, key, value, timestamp)
      return
    }
    const kept = storedValue(this.#step, anySerde(this.#plan.value), value, key)
    this.#records.set(freeEntry(this.#records, key, timestamp), kept, timestamp)
  }
}

/** Several records of a key and time have one window. */
class OncePerTime extends TableOperator {
  readonly #next: TableOperator

  constructor(next: TableOperator) {
    super()
    this.#next = next
  }

  change(entry: unknown, value: unknown, old: unknown, timestamp: number): void {
    const { key, sequence } = entry as KeptRecord
    if (sequence === 0) this.#next.change(key, value, old, timestamp)
  }
}

/**
 * Computes the total of the window that ends with a time, from its records in the order of time. They are all there: those that
 * could still come are late, and none is deleted before the last window that it is in.
 */
class SlidingResultsOperator extends TableOperator {
  readonly #fold: Fold
  readonly #sizeMs: number
  readonly #record: CurrentRecord
  readonly #records: Records
  readonly #totals: WindowStore<unknown, unknown>
  readonly #next: TableOperator | undefined

  constructor(
    fold: Fold,
    { sizeMs }: SlidingWindows,
    record: CurrentRecord,
    records: Records,
    totals: WindowStore<unknown, unknown>,
    next: TableOperator | undefined,
  ) {
    super()
    this.#fold = fold
    this.#sizeMs = sizeMs
    this.#record = record
    this.#records = records
    this.#totals = totals
    this.#next = next
  }

  change(key: unknown, _value: unknown, _old: unknown, timestamp: number): void {
    const end = timestamp + 1
    const start = end - this.#sizeMs
    let total: unknown
    for (const { at, value } of this.#records.ofKey(key, start, end)) {
      // The callback sees the time of the record that it adds.
      this.#record.timestamp = at
      total = foldRecord(this.#fold, total, value, key)
    }
    this.#record.timestamp = timestamp
    this.#totals.set(this.#totals.find(key, start), total, timestamp)
    this.#next?.change({ key, window: { start, end } }, total, null, timestamp)
  }
}
