import type { Serde } from '../contracts/serde.ts'
import type { JoinFn } from '../plan/callback.ts'
import type { JoinSide } from '../plan/join-side.ts'
import type { TableJoinNode } from '../plan/nodes/join-nodes.ts'
import { tableStep } from '../plan/step-parts.ts'
import { pair } from '../serdes/pair.ts'
import { timed } from '../serdes/timed.ts'
import { planSerde, type TablePlan, type TableWindow } from './plan-value.ts'
import { storePlan } from './store-plan.ts'

/** How a joined table writes its rows. */
export interface JoinedTableOptions<R> {
  /** How the rows are written. Default `json()`. */
  readonly value?: Serde<R>
}

/** What distinguishes the kinds of joins. */
export interface JoinKind {
  /** The word that the user wrote. */
  readonly word: 'join' | 'leftJoin' | 'outerJoin'
  readonly unmatched: TableJoinNode['unmatched']
}

/** The table of the joined rows of two tables. */
export function joinedTable<R>(
  { word, unmatched }: JoinKind,
  name: string,
  left: TablePlan<unknown>,
  right: TablePlan<unknown>,
  fn: JoinFn,
  value: Serde<R> | undefined,
): TablePlan<R> {
  const { rowKey } = left
  const window = keptAsLongAsEither(left.window, right.window)
  const sides = [sideOf(left), sideOf(right)] as const
  const rows = storePlan(name, rowKey, value, window, false)
  const [leftValues, rightValues] = sides.map((side) => timed(side.value)) as [Serde<never>, Serde<never>]
  const pairs = pair(`pair(${leftValues.name},${rightValues.name})`, leftValues, rightValues)
  const node: TableJoinNode = {
    ...tableStep(word, left.node, rows),
    kind: 'tableJoin',
    inputs: [left.node, right.node],
    takes: ['changes', 'changes'],
    ports: ['left', 'right'],
    stores: [rows, storePlan(`${name}.sides`, rowKey, pairs, window, false)],
    fn,
    unmatched,
    sides,
  }
  return { kind: 'table', node, rowKey, value, window }
}

/** How a table's rows are identified and written. */
export function sideOf({ rowKey, value, window }: TablePlan<unknown>): JoinSide {
  return { key: rowKey, value: planSerde(value), windows: window?.shape }
}

/** Windows of one kind; a job with others is refused. */
function keptAsLongAsEither(left: TableWindow | undefined, right: TableWindow | undefined): TableWindow | undefined {
  if (left === undefined || right === undefined) return left
  const forEver = left.retentionMs === undefined || right.retentionMs === undefined
  const retentionMs = forEver ? undefined : Math.max(left.retentionMs ?? 0, right.retentionMs ?? 0)
  return { shape: left.shape, retentionMs }
}
