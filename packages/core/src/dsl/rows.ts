import type { RowExpiry, ToTableNode } from '../plan/nodes/table-nodes.ts'
import { READS_ALL } from '../plan/step-flow.ts'
import { rowKeepsKey, storeStep } from '../plan/step-parts.ts'
import { copartitioned } from './copartitioned.ts'
import { durationMs } from './duration.ts'
import { planSerde, type StreamPlan, type TablePlan } from './plan-value.ts'
import type { RowsOptions } from './rows-options.ts'
import { storePlan, timersPlan } from './store-plan.ts'

/** The table of the latest value of each key of a stream. */
export function rowsOf<V>(plan: StreamPlan<unknown, V>, name: string, { ttl }: RowsOptions): TablePlan<V> {
  const { node: input, key, value } = copartitioned(plan, name)
  const rows = storePlan(name, planSerde(key), value, undefined, ttl !== undefined)
  const expiry: RowExpiry | undefined =
    ttl === undefined ? undefined : { ttlMs: durationMs(ttl), timers: timersPlan(`${name}.expiry`, rows.key) }
  // A row that leaves by itself has no record whose key bytes it could have.
  const flow = { ...READS_ALL, keepsKey: expiry === undefined && rowKeepsKey(rows) }
  const node: ToTableNode = {
    ...storeStep('toTable', input, rows, flow),
    stores: expiry === undefined ? [rows] : [rows, expiry.timers],
    kind: 'toTable',
    expiry,
  }
  return { kind: 'table', node, rowKey: rows.key, value, window: undefined }
}
