import type { Serde } from '../contracts/serde.ts'
import type { Callback, JoinFn } from '../plan/callback.ts'
import type { PlanNode } from '../plan/node.ts'
import type { ForeignKeysNode, ForeignMatchesNode, ForeignRowsNode } from '../plan/nodes/join-nodes.ts'
import type { RepartitionNode } from '../plan/nodes/topic-nodes.ts'
import { PASSES_ALL, READS_ALL } from '../plan/step-flow.ts'
import { recordStep, rowKeepsKey, tableStep } from '../plan/step-parts.ts'
import type { StorePlan } from '../plan/store-plan.ts'
import { bytes } from '../serdes/bytes.ts'
import { JOIN_PROGRESS } from '../serdes/join-progress.ts'
import { int64 } from '../serdes/numbers.ts'
import { type Pair, pair } from '../serdes/pair.ts'
import { rightUpdate } from '../serdes/right-update.ts'
import { string } from '../serdes/string.ts'
import { timed } from '../serdes/timed.ts'
import { type Versioned, versioned } from '../serdes/versioned.ts'
import { repartitionNode } from './copartitioned.ts'
import { planSerde, type TablePlan } from './plan-value.ts'
import { storePlan } from './store-plan.ts'
import { sideOf } from './table-join.ts'

/** What a join by another key is made of, beside its tables. */
export interface ForeignJoin<R> {
  /** The word that the user wrote. */
  readonly word: 'joinBy' | 'leftJoinBy'
  readonly name: string
  readonly keyOf: ForeignKeysNode['fn']
  readonly fn: JoinFn
  readonly value: Serde<R> | undefined
}

/** A left key, with the left row as of a change. */
type Reference = Pair<unknown, Versioned<unknown>>

/**
 * The table of the left rows, each joined with the right row that it refers to. Left rows travel to the partitions of the right
 * rows, and joined rows back to those of the left keys.
 */
export function foreignJoinedTable<R>(
  join: ForeignJoin<R>,
  left: TablePlan<unknown>,
  right: TablePlan<unknown>,
): TablePlan<R> {
  const { word, name, fn, value } = join
  const unmatched = word === 'leftJoinBy'
  const keys = foreignKeys(join, left, right)
  const leftValue = planSerde(left.value)
  const references = pair(`reference(${left.rowKey.name},${leftValue.name})`, left.rowKey, versioned(leftValue))
  const sent = (node: PlanNode, key: Serde<never>, topic: string): RepartitionNode =>
    repartitionNode({ kind: 'stream', node, key, value: references, rekeyed: true }, topic, undefined)

  const referring = unmatched ? filtered(join, keys, (_: Reference, key: unknown) => key !== null) : keys
  const matches = foreignMatches(join, sent(referring, right.rowKey, `${name}.references`), left, right)
  const answers = repartitionNode<unknown, unknown>(
    {
      kind: 'stream',
      node: matches,
      key: left.rowKey as Serde<unknown>,
      value: versioned(planSerde(value)),
      rekeyed: true,
    },
    `${name}.matches`,
    undefined,
  )
  const rows = storePlan(name, left.rowKey, value, undefined, false)
  const alone = (): PlanNode => {
    const free = filtered(join, keys, (_: Reference, key: unknown) => key === null)
    const flow = { keepsKey: false, keepsValue: true, readsKey: false, readsValue: true }
    const byLeftKey = Object.freeze({
      ...recordStep(word, free, flow, name),
      kind: 'keyBy',
      fn: ({ first }: Reference) => first,
    } as const)
    return sent(byLeftKey, left.rowKey, `${name}.alone`)
  }
  const node: ForeignRowsNode = {
    ...recordStep(word, answers, { ...READS_ALL, keepsKey: rowKeepsKey(rows) }, name),
    kind: 'foreignRows',
    inputs: unmatched ? [answers, alone()] : [answers],
    takes: unmatched ? ['records', 'records'] : ['records'],
    stores: [rows, storePlan(`${name}.versions`, left.rowKey, JOIN_PROGRESS, undefined, false)],
    fn,
  }
  return { kind: 'table', node, rowKey: left.rowKey, value, window: undefined }
}

function foreignKeys(
  { word, name, keyOf }: ForeignJoin<unknown>,
  left: TablePlan<unknown>,
  right: TablePlan<unknown>,
): ForeignKeysNode {
  const last = storePlan(`${name}.last-version`, planSerde(string()), int64(), undefined, false)
  return Object.freeze({
    ...tableStep(word, left.node, undefined),
    label: `${word} "${name}"`,
    flow: READS_ALL,
    stores: [last] as const,
    kind: 'foreignKeys',
    fn: keyOf,
    unmatched: word === 'leftJoinBy',
    sides: [sideOf(left), sideOf(right)] as const,
  })
}

function foreignMatches(
  { word, name, fn }: ForeignJoin<unknown>,
  references: RepartitionNode,
  left: TablePlan<unknown>,
  right: TablePlan<unknown>,
): ForeignMatchesNode {
  const changes = Object.freeze({ ...tableStep('changes', right.node, undefined), kind: 'changes' } as const)
  const referring: StorePlan = Object.freeze({
    ...storePlan(`${name}.references`, left.rowKey, versioned(timed(planSerde(left.value))), undefined, false),
    shape: { kind: 'sorted', order: planSerde(bytes()) } as const,
  })
  const rights = storePlan(`${name}.right`, right.rowKey, timed(planSerde(right.value)), undefined, false)
  const update = storePlan(`${name}.update`, planSerde(string()), rightUpdate(right.rowKey), undefined, false)
  return Object.freeze({
    ...recordStep(word, references, READS_ALL, name),
    kind: 'foreignMatches',
    inputs: [references, changes] as const,
    takes: ['records', 'records'] as const,
    stores: [referring, rights, update] as const,
    fn,
    unmatched: word === 'leftJoinBy',
    sides: [sideOf(left), sideOf(right)] as const,
  })
}

/** What `foreignKeys` sends under some of the keys. */
function filtered({ word, name }: ForeignJoin<unknown>, keys: PlanNode, fn: Callback<boolean>): PlanNode {
  const flow = { ...PASSES_ALL, keepsValue: false, readsKey: true, readsValue: true }
  return Object.freeze({ ...recordStep(word, keys, flow, name), kind: 'filter', fn, keep: true })
}
