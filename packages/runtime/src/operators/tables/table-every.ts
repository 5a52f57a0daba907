import { type Serde, windowed } from '@millrace/core'
import {
  hasWindows,
  type InstantEntry,
  type InstantStore,
  nextWindowStart,
  type TableEveryNode,
} from '@millrace/core/internal'
import type { EventTime } from '../../task/event-time.ts'
import { anySerde } from '../any-serde.ts'
import { TableOperator } from '../operator.ts'
import { SameBytes } from '../same-bytes.ts'
import type { CompileStep } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import { driveFinals, Finals } from '../time/finals.ts'
import { TimedResultsOperator } from '../time/timed-results.ts'
import { type Rows, rowsIn } from './rows.ts'

/** By the key of a row, at the time at which it is due: its new value, or null if it was deleted. At most one for each key. */
type PendingRows = InstantStore<unknown, unknown>

/** What has changed waits in a store by event time, and leaves it at the next multiple of the step's time. */
export const compileTableEvery: CompileStep<TableEveryNode> = (node, context) => {
  const { everyMs } = node
  const [kept, waiting] = node.stores
  const [key, value] = [anySerde(kept.key), anySerde(kept.value)]
  const time = context.timeBefore(node)
  const rows = rowsIn(kept, time, context)
  const pending = context.instantStore(waiting, time)
  // What is due has its time reached. A result has the last time before that.
  const completion = { delayMs: 0, resultMs: -1, advanceMs: everyMs }
  const due = new Finals(
    waiting.name,
    completion,
    time,
    pending,
    ({ key: rowKey }: InstantEntry<unknown, unknown>) => rowKey,
    context.record,
  )
  driveFinals(due, node, context)
  return () => {
    const pass = new PassChangedOperator(rows, pending, new SameBytes(value), context.tableAfter(node))
    const rowKey = hasWindows(kept.shape) ? (windowed(key) as Serde<unknown>) : key
    due.next = new TimedResultsOperator(context.resultsOf(node, rowKey, value), due, context.units, pass)
    return [new NoteChangedOperator(node, value, time, pending)]
  }
}

/** Takes each change of a table, and notes the new value of the row, and when it is due. Until then the last value counts. */
class NoteChangedOperator extends TableOperator {
  readonly #node: TableEveryNode
  readonly #value: Serde<unknown>
  readonly #time: EventTime
  readonly #pending: PendingRows

  constructor(node: TableEveryNode, value: Serde<unknown>, time: EventTime, pending: PendingRows) {
    super()
    this.#node = node
    this.#value = value
    this.#time = time
    this.#pending = pending
  }

  change(key: unknown, value: unknown, _old: unknown, timestamp: number): void {
    const pending = this.#pending
    const { label, everyMs } = this.#node
    const { watermark } = this.#time
    const kept = value === null ? null : storedValue(label, this.#value, value, key)
    for (const entry of pending.ofKey(key)) {
      if (entry.at > watermark) {
        pending.set(entry, kept)
        return
      }
      // It was due, and what follows failed: the row is as it was passed on before.
      pending.set(entry, undefined)
    }
    const due = nextWindowStart(Math.max(watermark, timestamp), everyMs)
    pending.set(pending.find(key, due, 0), kept)
  }
}

/** Passes on a row that is due, unless it is as it was passed on before. */
class PassChangedOperator extends TableOperator {
  readonly #rows: Rows
  readonly #pending: PendingRows
  readonly #same: SameBytes
  readonly #next: TableOperator | undefined

  constructor(rows: Rows, pending: PendingRows, same: SameBytes, next: TableOperator | undefined) {
    super()
    this.#rows = rows
    this.#pending = pending
    this.#same = same
    this.#next = next
  }

  change(key: unknown, value: unknown, _old: unknown, timestamp: number): void {
    for (const entry of this.#pending.ofKey(key)) {
      this.#pending.set(entry, undefined)
    }
    const row = this.#rows.find(key)
    const old = row.value ?? null
    if (value === null || old === null ? value === old : this.#same.are(value, old)) return
    this.#rows.set(row, value ?? undefined)
    this.#next?.change(key, value, old, timestamp)
  }
}
