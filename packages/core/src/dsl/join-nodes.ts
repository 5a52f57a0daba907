import type { Serde } from '../contracts/serde.ts'
import type { Callback, Joiner } from '../plan/callback.ts'
import type { JoinReach } from '../plan/join-reach.ts'
import type {
  AsOfJoinNode,
  GlobalLookupNode,
  JoinAllNode,
  StreamJoinNode,
  TableLookupNode,
  VersionLookupNode,
} from '../plan/nodes/join-nodes.ts'
import type { RowHistory } from '../plan/nodes/table-nodes.ts'
import { PASSES_ALL, READS_ALL } from '../plan/step-flow.ts'
import { labelOf, rowKeepsKey } from '../plan/step-parts.ts'
import { nullable } from '../serdes/nullable.ts'
import { copartitioned } from './copartitioned.ts'
import { durationMs } from './duration.ts'
import type { AsOfOptions, JoinAllOptions, JoinWithin, StreamJoinOptions } from './join-options.ts'
import { type GlobalTablePlan, planSerde, type StreamPlan, type TablePlan } from './plan-value.ts'
import { recordStorePlan, storePlan } from './store-plan.ts'

/** The two sides, as part of what a store means. */
const PORTS = ['left', 'right'] as const

/** The word that the user wrote. */
export type JoinWord = 'join' | 'leftJoin' | 'outerJoin'

/** The step that joins two streams. */
export function streamJoinNode<K, V, W>(
  word: JoinWord,
  name: string,
  leftPlan: StreamPlan<K, V>,
  rightPlan: StreamPlan<K, W>,
  fn: Joiner,
  options: Pick<StreamJoinOptions<unknown>, 'within' | 'grace'>,
): StreamJoinNode {
  const reach = reachOf(options)
  const { beforeMs, afterMs, graceMs } = reach
  const unmatched = [word !== 'join', word === 'outerJoin'] as const
  const left = copartitioned(leftPlan, `${name}.left`)
  const right = copartitioned(withKeysOf(leftPlan, rightPlan), `${name}.right`)
  const key = planSerde(left.key)
  // Each record has the watermark of its source partition with it. It is kept until every record that it may match has come, or, if one is to be passed on for the lack of a match,
  // until that is decided.
  const stores = [
    recordStorePlan(`${name}.left`, key, left.value, afterMs + graceMs + (unmatched[1] ? beforeMs : 0), true),
    recordStorePlan(`${name}.right`, key, right.value, beforeMs + graceMs + (unmatched[0] ? afterMs : 0), true),
  ] as const
  // What is passed on for the lack of a match comes without a record whose key bytes it could have.
  const keepsKey = word === 'join' && rowKeepsKey(stores[0])
  return {
    label: labelOf(word, name),
    word,
    inputs: [left.node, right.node],
    ports: PORTS,
    takes: ['records', 'records'],
    stores,
    flow: { ...READS_ALL, keepsKey },
    kind: 'streamJoin',
    reach,
    fn,
    unmatched,
  }
}

/** The step that joins several streams, by name. */
export function joinAllNode(
  name: string,
  parts: ReadonlyMap<string, StreamPlan<unknown, unknown>>,
  { within, grace = 0 }: Pick<JoinAllOptions<unknown>, 'within' | 'grace'>,
): JoinAllNode {
  const word = 'joinAll'
  const ports = [...parts.keys()]
  const withinMs = durationMs(within)
  const reach = { beforeMs: withinMs, afterMs: withinMs, graceMs: durationMs(grace) }
  const [first] = parts.values()
  const plans = [...parts].map(([part, plan]) => copartitioned(withKeys(plan, first?.key), `${name}.${part}`))
  // Each record has the watermark of its source partition with it. It is kept until every record that it may be near to has come.
  const keptMs = withinMs + reach.graceMs
  const stores = plans.map(({ key, value }, port) =>
    recordStorePlan(`${name}.${ports[port]}`, planSerde(key), value, keptMs, true),
  )
  return Object.freeze({
    label: labelOf(word, name),
    word,
    inputs: plans.map(({ node }) => node),
    ports,
    takes: plans.map(() => 'records' as const),
    stores,
    flow: { ...READS_ALL, keepsKey: stores.every(rowKeepsKey) },
    kind: 'joinAll',
    reach,
  })
}

/** The step that joins a stream with a table. */
export function tableLookupNode<K, V, W>(
  word: JoinWord,
  name: string,
  plan: StreamPlan<K, V>,
  table: TablePlan<W>,
  fn: Joiner,
): TableLookupNode {
  const { rowKey, window } = table
  const stream = copartitioned(withKeys(plan, rowKey as StreamPlan<K, V>['key']), name)
  const [kept] = table.node.stores
  const rows = kept ?? storePlan(name, rowKey, table.value, window, false)
  return {
    label: labelOf(word, name),
    word,
    inputs: [stream.node, table.node],
    ports: PORTS,
    takes: ['records', 'changes'],
    stores: kept === undefined ? [rows] : [],
    flow: { ...READS_ALL, keepsKey: rowKeepsKey(rows) },
    kind: 'tableLookup',
    rows,
    fn,
    unmatched: word === 'leftJoin',
  }
}

/** The step that joins a stream with the versions that a table keeps of its rows. */
export function versionLookupNode<K, V>(
  word: JoinWord,
  name: string,
  plan: StreamPlan<K, V>,
  { node, rowKey }: TablePlan<unknown>,
  history: RowHistory,
  fn: Joiner,
): VersionLookupNode {
  const stream = copartitioned(withKeys(plan, rowKey as StreamPlan<K, V>['key']), name)
  return {
    label: labelOf(word, name),
    word,
    inputs: [stream.node, node],
    ports: PORTS,
    takes: ['records', 'changes'],
    stores: [],
    flow: { ...READS_ALL, keepsKey: rowKeepsKey(history.rows) },
    kind: 'versionLookup',
    history,
    fn,
    unmatched: word === 'leftJoin',
  }
}

/** The step that joins a stream with a global table. The stream stays in its partitions, with its keys. */
export function globalLookupNode<K, V>(
  word: JoinWord,
  name: string,
  { node }: StreamPlan<K, V>,
  { topic }: GlobalTablePlan,
  keyOf: Callback,
  fn: Joiner,
): GlobalLookupNode {
  const label = `globalTable "${topic.name}"`
  const source = { label, word: 'globalTable', inputs: [], takes: [], stores: [], flow: PASSES_ALL } as const
  return {
    label: labelOf(word, name),
    word,
    inputs: [node, Object.freeze({ ...source, kind: 'globalSource', topic })],
    ports: PORTS,
    takes: ['records', 'records'],
    stores: [storePlan(name, topic.key, topic.value as Serde<unknown>, undefined, false)],
    flow: { ...READS_ALL, keepsKey: true },
    kind: 'globalLookup',
    keyOf,
    fn,
    unmatched: word === 'leftJoin',
  }
}

/** The step that joins a stream with a table as of the time of each record. */
export function asOfJoinNode<K, V, W>(
  word: JoinWord,
  name: string,
  plan: StreamPlan<K, V>,
  { node, rowKey, value }: TablePlan<W>,
  fn: Joiner,
  { grace = 0 }: AsOfOptions,
): AsOfJoinNode {
  const graceMs = durationMs(grace)
  const stream = copartitioned(withKeys(plan, rowKey as StreamPlan<K, V>['key']), name)
  const changed = nullable(planSerde(value) as Serde<unknown>)
  // Rows that leave by themselves are changes that only the table makes.
  const isRead = node.kind === 'toTable' && node.expiry === undefined
  return {
    label: labelOf(word, name),
    word,
    inputs: [stream.node, isRead ? node.inputs[0] : node],
    ports: PORTS,
    takes: ['records', isRead ? 'records' : 'changes'],
    stores: [
      storePlan(`${name}.rows`, rowKey, value, undefined, false),
      recordStorePlan(`${name}.changes`, rowKey, changed, graceMs, false),
      recordStorePlan(`${name}.records`, rowKey, stream.value, graceMs, false),
    ],
    flow: READS_ALL,
    kind: 'asOfJoin',
    graceMs,
    fn,
    unmatched: word === 'leftJoin',
  }
}

function reachOf({ within, grace = 0 }: Pick<StreamJoinOptions<unknown>, 'within' | 'grace'>): JoinReach {
  const { before = 0, after = 0 }: JoinWithin = typeof within === 'object' ? within : { before: within, after: within }
  return { beforeMs: durationMs(before), afterMs: durationMs(after), graceMs: durationMs(grace) }
}

function withKeysOf<K, W>(left: StreamPlan<K, unknown>, right: StreamPlan<K, W>): StreamPlan<K, W> {
  return withKeys(right, left.key)
}

/** The stream with keys that are written with a serde: equal keys that are written in different ways are in different partitions. */
function withKeys<K, V>(plan: StreamPlan<K, V>, key: StreamPlan<K, V>['key']): StreamPlan<K, V> {
  return planSerde(plan.key).name === planSerde(key).name ? plan : { ...plan, key, rekeyed: true }
}
