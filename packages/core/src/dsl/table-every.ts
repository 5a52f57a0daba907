import type { TableEveryNode } from '../plan/nodes/table-nodes.ts'
import { READS_ALL } from '../plan/step-flow.ts'
import { tableStep } from '../plan/step-parts.ts'
import { type Duration, durationMs } from './duration.ts'
import type { TablePlan, TableWindow } from './plan-value.ts'
import { pendingStorePlan, storePlan } from './store-plan.ts'

/** The table that has the rows of another one as they were at the last multiple of a time. */
export function tableEvery<V>(
  name: string,
  every: Duration,
  { node, rowKey, value, window }: TablePlan<V>,
): TablePlan<V> {
  const everyMs = durationMs(every)
  const kept = window && keptLonger(window, everyMs)
  const rows = storePlan(name, rowKey, value, kept, false)
  const step: TableEveryNode = {
    ...tableStep('every', node, rows),
    // What time passes on comes without a record whose key bytes it could have.
    flow: READS_ALL,
    stores: [rows, pendingStorePlan(rows)],
    kind: 'tableEvery',
    everyMs,
  }
  return { kind: 'table', node: step, rowKey, value, window: kept }
}

/** The last change of a window waits up to `byMs`, and then needs the row that was passed on before it. */
function keptLonger({ shape, retentionMs }: TableWindow, byMs: number): TableWindow {
  return { shape, retentionMs: retentionMs === undefined ? undefined : retentionMs + byMs }
}
