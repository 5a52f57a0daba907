import { type Serde, string } from '@millrace/core'
import type { Entry, KeyValueStore, RowExpiry, ToTableNode } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { EventTime } from '../../task/event-time.ts'
import { anySerde } from '../any-serde.ts'
import { StreamOperator, TableOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { Connect, StepContext } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import { judgingWatermark } from '../time/late-records.ts'
import { drivenTimers, type StepTimers } from '../time/timers.ts'

/** The name of the timer that each row has. It fires when the row leaves, or earlier if the row was set again in the meantime. */
const END = 'ttl'

/** A table whose rows leave it some time after they were set last: see `RowsOptions.ttl`. */
export function compileExpiringTable(
  node: ToTableNode,
  { ttlMs, timers: plan }: RowExpiry,
  context: StepContext,
): Connect {
  const [{ key, value }] = node.stores
  const time = context.timeBefore(node)
  const rows = context.keyValueStore(node.stores[0])
  // A row that has time left is not a result that waits: a run that closes windows keeps it.
  const timers = drivenTimers(node, plan, time, context, 'stay')
  return () => {
    const { record } = context
    const next = context.tableAfter(node)
    const table = { step: node.label, value: anySerde(value), ttlMs, rows, timers, time, record, next }
    timers.connect(context.resultsOf(node, anySerde(key), string() as Serde<unknown>), new RowEndOperator(table))
    return [new ExpiringTableOperator(table)]
  }
}

interface ExpiringTable {
  readonly step: string
  readonly value: Serde<unknown>
  readonly ttlMs: number
  /** Each with the time of the record that set it. */
  readonly rows: KeyValueStore<unknown, unknown>
  readonly timers: StepTimers
  readonly time: EventTime
  readonly record: CurrentRecord
  readonly next: TableOperator | undefined
}

/**
 * Keeps the latest value of each key until its time to live is over; a tombstone deletes the row.
 *
 * A row that is over for a record of its key, by the watermark that travels with the record, leaves before it. The task's own time may
 * not be there yet: behind a repartition topic, it depends on speed how far it is. So the changes of a key do not.
 */
class ExpiringTableOperator extends StreamOperator {
  readonly #table: ExpiringTable

  constructor(table: ExpiringTable) {
    super()
    this.#table = table
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    const { step, ttlMs, rows, timers, record, time, next } = this.#table
    requireKey(step, key)
    const row = rows.find(key)
    const watermark = judgingWatermark(record, time)
    const isOver = row.value !== undefined && row.time + ttlMs <= watermark
    if (isOver) this.#endBefore(row)
    const old = row.value ?? null
    if (value === null) {
      if (old === null) return
      timers.cancel(key, END)
      rows.set(row, undefined)
      next?.change(key, null, old, timestamp)
      return
    }
    const kept = storedValue(step, this.#table.value, value, key)
    const end = timestamp + ttlMs
    const keepsTimer = old !== null && !isOver && timestamp >= row.time && this.#hasTimerBy(key, end)
    rows.set(row, kept, timestamp)
    if (!keepsTimer) timers.set(key, END, 'event', end, watermark)
    next?.change(key, kept, old, timestamp)
  }

  /**
   * A row that is set again, to leave later, keeps its timer: a row that changes all the time moves it once in a time to live. If the time
   * to live was another one before, its timer may be too late. The row has lost its timer if what follows has failed.
   */
  #hasTimerBy(key: unknown, end: number): boolean {
    const setting = this.#table.timers.setting(key, END)
    return setting !== undefined && setting.at <= end
  }

  /** A row leaves before the present record, as it would if the time of the task were at its end. */
  #endBefore(row: Entry<unknown, unknown>): void {
    const { ttlMs, timers, record } = this.#table
    const setting = timers.setting(row.key, END)
    // What follows has failed when the row was to leave: it stays until a record changes it.
    if (setting === undefined) return
    timers.cancel(row.key, END)
    const end = row.time + ttlMs
    const { timestamp, watermark } = record
    record.timestamp = end
    record.watermark = setting.at === end ? Math.max(end, setting.setAt) : end
    try {
      endRow(this.#table, row, end)
    } finally {
      record.timestamp = timestamp
      record.watermark = watermark
    }
  }
}

/** Takes the timer of a row: the row leaves, unless it was set again. */
class RowEndOperator extends TableOperator {
  readonly #table: ExpiringTable

  constructor(table: ExpiringTable) {
    super()
    this.#table = table
  }

  change(key: unknown, _timer: unknown, _fired: unknown, at: number): void {
    const { ttlMs, rows, timers } = this.#table
    const row = rows.find(key)
    if (row.value === undefined) return
    const end = row.time + ttlMs
    if (end > at) timers.set(key, END, 'event', end, at)
    else endRow(this.#table, row, at)
  }
}

/** Removes a row whose time to live is over, and passes the removal on, with the time at which it was over. */
function endRow({ rows, next }: ExpiringTable, row: Entry<unknown, unknown>, end: number): void {
  const old = row.value
  rows.set(row, undefined)
  next?.change(row.key, null, old, end)
}
