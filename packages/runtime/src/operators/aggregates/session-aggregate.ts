import type { AggregateNode, IntervalStore, SessionWindows, WindowEntry } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { EventTime } from '../../task/event-time.ts'
import { StreamOperator, type TableOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { Connect, StepContext } from '../step-context.ts'
import { whenEnded } from '../time/finals.ts'
import { isLate, type LateRecords, passLate } from '../time/late-records.ts'
import { type Fold, foldRecord, mergeTotals } from './fold.ts'
import { windowResults } from './window-results.ts'

type Session = WindowEntry<unknown, unknown>

/** An aggregate by key and session. */
export function compileSessionAggregate(node: AggregateNode, windows: SessionWindows, context: StepContext): Connect {
  const time = context.timeBefore(node)
  const store = context.intervalStore(node.stores[0], time)
  const connect = windowResults(node, whenEnded(windows), time, store, context)
  return () => {
    const { fold, late, next } = connect()
    return [new SessionAggregateOperator(fold, windows, time, context.record, store, late, next)]
  }
}

/**
 * Folds the records of each session into a total; a table by windowed key. A session is a window from its first record to one
 * gap after its last one. So a record at `t` joins exactly the sessions that have a time in common with `t` (inclusive) to
 * `t + gap` (exclusive). There are two at most: the sessions of a key do not overlap, and each is as long as the gap or longer.
 * If the window of a session changes, its row is deleted and another one made.
 *
 * A record is late if the watermark of its source partition, or the time of this step, has passed the record's time by more
 * than the grace. A session closes when the time of this step reaches its end plus the grace. So a record that is in time finds
 * all sessions that it joins open: such a session ends after `t`, so it would have closed at a time after `t + grace`; but a
 * record that is in time comes at `t + grace` or before. Sessions are therefore the same in every order in which records come:
 * those that result if all records in time are sorted by time, and cut where two are a gap or more apart.
 */
export class SessionAggregateOperator extends StreamOperator {
  readonly #fold: Fold
  readonly #windows: SessionWindows
  readonly #time: EventTime
  readonly #record: CurrentRecord
  readonly #store: IntervalStore<unknown, unknown>
  readonly #late: LateRecords
  readonly #next: TableOperator | undefined

  constructor(
    fold: Fold,
    windows: SessionWindows,
    time: EventTime,
    record: CurrentRecord,
    store: IntervalStore<unknown, unknown>,
    late: LateRecords,
    next: TableOperator | undefined,
  ) {
    super()
    this.#fold = fold
    this.#windows = windows
    this.#time = time
    this.#record = record
    this.#store = store
    this.#late = late
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    requireKey(this.#fold.step, key)
    const { gapMs, graceMs } = this.#windows
    if (isLate(this.#record, this.#time, timestamp, graceMs)) {
      passLate(this.#late, key, value, timestamp)
      return
    }
    const [first, second] = this.#store.ofKey(key, timestamp, timestamp + gapMs)
    const start = Math.min(timestamp, first?.start ?? timestamp)
    const end = Math.max(timestamp + gapMs, second?.end ?? first?.end ?? timestamp)
    if (first?.start === start && first.end === end) {
      const old = first.value
      this.#keep(key, first, foldRecord(this.#fold, old, value, key), old)
      return
    }
    const lastTime = end - gapMs
    // What follows gets the deletions first: the callbacks may change the totals.
    const before = first && this.#delete(key, first, lastTime)
    const after = second && this.#delete(key, second, lastTime)
    const total = foldRecord(this.#fold, before, value, key)
    const merged = after === undefined ? total : mergeTotals(this.#fold, total, after, key)
    this.#keep(key, this.#store.find(key, start, end), merged, null)
  }

  #keep(key: unknown, session: Session, total: unknown, old: unknown): void {
    const { start, end } = session
    const time = end - this.#windows.gapMs
    this.#store.set(session, total, time)
    this.#next?.change({ key, window: { start, end } }, total, old, time)
  }

  /** Deletes the row of a session; returns its total. */
  #delete(key: unknown, session: Session, time: number): unknown {
    const { start, end, value } = session
    this.#store.set(session, undefined)
    this.#next?.change({ key, window: { start, end } }, null, value, time)
    return value
  }
}
