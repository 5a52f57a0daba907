import type { Serde } from '../contracts/serde.ts'
import type { Comparable } from '../folds/taken.ts'
import type { Callback } from '../plan/callback.ts'
import type { RankRowsNode, TopRowsNode } from '../plan/nodes/table-nodes.ts'
import { READS_ALL } from '../plan/step-flow.ts'
import { rowKeepsKey, storeStep, tableStep } from '../plan/step-parts.ts'
import type { StorePlan } from '../plan/store-plan.ts'
import type { Top } from '../plan/top.ts'
import { bytes } from '../serdes/bytes.ts'
import { keyPair } from '../serdes/key-pair.ts'
import { pair } from '../serdes/pair.ts'
import { ranking } from '../serdes/ranking.ts'
import { REACH_OF_TOP } from '../serdes/reach-of-top.ts'
import { string } from '../serdes/string.ts'
import { windowed } from '../serdes/windowed.ts'
import { repartitionNode } from './copartitioned.ts'
import { planSerde, type TablePlan } from './plan-value.ts'
import type { Ranked } from './ranked.ts'
import { storePlan } from './store-plan.ts'

/** What comes first in a top N. */
export interface TopOptions {
  /** `descending`: the greatest rank; `ascending`: the least. Default `descending`. */
  readonly order?: 'descending' | 'ascending'
}

/** What a top N is made of, beside its table. */
export interface TopN {
  readonly name: string
  readonly rows: number
  readonly by: Callback<Comparable>
  /** The group of a row, and how groups are written. Undefined: all rows are in one. */
  readonly group: { readonly fn: Callback; readonly key: Serde<never> } | undefined
  readonly options: TopOptions
}

/**
 * The table of the first rows of each group. The tasks of the table rank their rows, and send the changes of their first ones to
 * the task of the group. Without groups this is one task.
 */
export function topTable<K, V>(
  { name, rows, by, group, options }: TopN,
  { node, rowKey, value, window }: TablePlan<V>,
): TablePlan<readonly Ranked<K, V>[]> {
  const word = 'topN'
  const top: Top = { rows, order: options.order ?? 'descending' }
  const groupKey = group?.key ?? planSerde(string())
  const key = window === undefined ? rowKey : planSerde(windowed(rowKey))
  const values = planSerde(value)
  const reach = storePlan(`${name}.reach`, groupKey, REACH_OF_TOP, undefined, false)
  const rank: RankRowsNode = Object.freeze({
    ...tableStep(word, node, undefined),
    label: `${word} "${name}"`,
    flow: READS_ALL,
    stores: [sortedPlan(`${name}.rows`, key, values), reach] as const,
    kind: 'rankRows',
    by,
    group: group?.fn,
    groupKey,
    top,
  })
  const changes = pair(`ranked(${key.name},${values.name})`, key, pair(`placed(${values.name})`, bytes(), values))
  const sent = { kind: 'stream', node: rank, key: groupKey, value: changes, rekeyed: true } as const
  // All rows in one group are in one partition.
  const input = repartitionNode(sent, name, group === undefined ? 1 : undefined)
  const ranked = ranking(key, values) as unknown as Serde<readonly Ranked<K, V>[]>
  const store = storePlan(name, groupKey, ranked, undefined, true)
  const candidates = sortedPlan(`${name}.candidates`, planSerde(keyPair(groupKey, key)), values)
  const topRows: TopRowsNode = {
    ...storeStep(word, input, store, { ...READS_ALL, keepsKey: rowKeepsKey(store) }),
    stores: [store, candidates] as const,
    kind: 'topRows',
    top,
  }
  return { kind: 'table', node: topRows, rowKey: groupKey, value: ranked, window: undefined }
}

/** A store of rows by their keys, sorted by the bytes of their places. */
function sortedPlan(name: string, key: Serde<never>, value: Serde<never>): StorePlan {
  const shape = { kind: 'sorted', order: planSerde(bytes()) } as const
  return Object.freeze({ ...storePlan(name, key, value, undefined, false), shape })
}
