import type { RowExpiry, RowHistory, ToTableNode } from '../plan/nodes/table-nodes.ts'
import { READS_ALL } from '../plan/step-flow.ts'
import { rowKeepsKey, storeStep } from '../plan/step-parts.ts'
import type { StorePlan } from '../plan/store-plan.ts'
import { nullable } from '../serdes/nullable.ts'
import { copartitioned } from './copartitioned.ts'
import { type Duration, durationMs } from './duration.ts'
import { planSerde, type StreamPlan, type TablePlan } from './plan-value.ts'
import type { HistoryOptions, RowsOptions } from './rows-options.ts'
import { recordStorePlan, storePlan, timersPlan } from './store-plan.ts'

/** The options of a table, as a job in JavaScript may give them. */
export type AnyRowsOptions = RowsOptions & Partial<HistoryOptions>

/** What a table of the latest values of a stream is made of. */
export interface RowsPlan<V> extends TablePlan<V> {
  readonly node: ToTableNode
}

/** The table of the latest value of each key of a stream. */
export function rowsOf<V>(
  plan: StreamPlan<unknown, V>,
  name: string,
  { ttl, history: kept }: AnyRowsOptions,
): RowsPlan<V> {
  const { node: input, key, value } = copartitioned(plan, name)
  const rows = storePlan(name, planSerde(key), value, undefined, ttl !== undefined || kept !== undefined)
  const expiry = ttl === undefined ? undefined : expiryOf(rows, ttl)
  const history = kept === undefined ? undefined : historyOf(rows, kept)
  // A row that leaves by itself has no record whose key bytes it could have.
  const flow = { ...READS_ALL, keepsKey: expiry === undefined && rowKeepsKey(rows) }
  const node: ToTableNode = {
    ...storeStep('toTable', input, rows, flow),
    stores: [
      rows,
      ...(expiry === undefined ? [] : [expiry.timers]),
      ...(history === undefined ? [] : [history.versions]),
    ],
    kind: 'toTable',
    expiry,
    history,
  }
  return { kind: 'table', node, rowKey: rows.key, value, window: undefined }
}

function expiryOf({ name, key }: StorePlan, ttl: Duration): RowExpiry {
  return { ttlMs: durationMs(ttl), timers: timersPlan(`${name}.expiry`, key) }
}

/** A version has the time from which on it was the row, besides that at which it ended. A deletion is one too. */
function historyOf(rows: StorePlan, history: Duration): RowHistory {
  const { name, key, value } = rows
  const keptMs = durationMs(history)
  return { keptMs, rows, versions: recordStorePlan(`${name}.versions`, key, nullable(value), keptMs, true) }
}
