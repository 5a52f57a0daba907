import type { Serde } from '@millrace/core'
import type { RowHistory, ToTableNode } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { EventTime } from '../../task/event-time.ts'
import { anySerde } from '../any-serde.ts'
import { StreamOperator, type TableOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { Connect, StepContext } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import { isLate, type LateRecords, lateRecords, passLate } from '../time/late-records.ts'
import type { RowVersions } from './row-versions.ts'

/** A table that keeps the versions of its rows for a time: see `HistoryOptions`. */
export function compileVersionedTable(node: ToTableNode, history: RowHistory, context: StepContext): Connect {
  const time = context.timeBefore(node)
  const versions = context.rowVersions(history, time)
  return () => {
    const late = lateRecords(context.counts, context.lateAfter(node))
    const value = anySerde(history.rows.value)
    const { record } = context
    const next = context.tableAfter(node)
    return [
      new VersionedTableOperator({
        step: node.label,
        keptMs: history.keptMs,
        value,
        versions,
        time,
        record,
        late,
        next,
      }),
    ]
  }
}

interface VersionedTable {
  readonly step: string
  readonly keptMs: number
  readonly value: Serde<unknown>
  readonly versions: RowVersions
  readonly time: EventTime
  readonly record: CurrentRecord
  readonly late: LateRecords
  readonly next: TableOperator | undefined
}

/**
 * Gives each record its place among the versions of its key, by its time. The last version is the row: only a record that makes it
 * changes the table. What is older than the history is late.
 */
class VersionedTableOperator extends StreamOperator {
  readonly #table: VersionedTable

  constructor(table: VersionedTable) {
    super()
    this.#table = table
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    const { step, keptMs, value: serde, versions, time, record, late, next } = this.#table
    requireKey(step, key)
    if (isLate(record, time, timestamp, keptMs)) {
      passLate(late, key, value, timestamp)
      return
    }
    const kept = value === null ? null : storedValue(step, serde, value, key)
    const row = versions.row(key)
    const old = row.value ?? null
    const isLast = versions.put(row, kept, timestamp)
    if (isLast && (kept !== null || old !== null)) next?.change(key, kept, old, timestamp)
  }
}
