import type { Serde } from '../contracts/serde.ts'
import type { StoreShape } from '../contracts/store-shape.ts'
import type { CellPlan } from '../plan/cell-plan.ts'
import type { PlanNode } from '../plan/node.ts'
import type { ProcessNode } from '../plan/nodes/process-nodes.ts'
import { READS_ALL } from '../plan/step-flow.ts'
import { recordStep } from '../plan/step-parts.ts'
import type { StorePlan } from '../plan/store-plan.ts'
import { keyPair } from '../serdes/key-pair.ts'
import { int64 } from '../serdes/numbers.ts'
import { string } from '../serdes/string.ts'
import { timedList } from '../serdes/timed-list.ts'
import { copartitioned } from './copartitioned.ts'
import { durationMs } from './duration.ts'
import { planSerde, type StreamPlan } from './plan-value.ts'
import type { ProcessOptions, SideOutputs } from './process-options.ts'
import type { StateCell, StateCells } from './state-cells.ts'
import { timersPlan } from './store-plan.ts'
import type { TaskProcessOptions } from './task-process-options.ts'

/** The options of a step, whatever their types. */
export type AnyProcessOptions =
  | ProcessOptions<never, never, StateCells, SideOutputs, string, never>
  | TaskProcessOptions<never, never, StateCells, SideOutputs, string, never, never>

/** A process step, and what it was made from. */
export interface ProcessStep {
  readonly node: ProcessNode
  readonly options: AnyProcessOptions
}

/** The step that runs a user's callbacks, with state for each key, or for each task. */
export function processStep<K, V>(
  plan: StreamPlan<K, V>,
  name: string,
  scope: ProcessNode['scope'],
  options: AnyProcessOptions,
): ProcessStep {
  if (scope === 'task') return { node: processNode(plan.node, scope, planSerde(string()), name, options), options }
  const { node, key } = copartitioned(plan, name)
  return { node: processNode(node, scope, planSerde(key), name, options), options }
}

function processNode(
  input: PlanNode,
  scope: ProcessNode['scope'],
  key: Serde<never>,
  name: string,
  options: AnyProcessOptions,
): ProcessNode {
  const { state = {}, outputs = {}, onRecord, onTombstone, timers: onTimer = {} } = options
  const cells = Object.entries(state).map(([cell, declared]) => cellPlan(name, cell, key, declared))
  const timers = Object.keys(onTimer).length === 0 ? undefined : timersPlan(`${name}.timers`, key)
  // What a timer emits comes without a record whose key bytes it could have.
  const flow = { ...READS_ALL, keepsKey: scope === 'key' && timers === undefined && key.primitive }
  // A cell that is added, or whose meaning changes, leaves the others as they are.
  const storeGroups = [
    ...cells.map(({ store, expiry }) => (expiry === undefined ? [store] : [store, expiry])),
    ...(timers === undefined ? [] : [[timers]]),
  ]
  return Object.freeze({
    ...recordStep(scope === 'key' ? 'process' : 'processTask', input, flow, name),
    kind: 'process',
    stores: storeGroups.flat(),
    storeGroups,
    name,
    scope,
    key,
    cells,
    timers,
    sideOutputs: Object.keys(outputs),
    onRecord,
    onTombstone,
    onTimer,
  })
}

function cellPlan(step: string, cell: string, key: Serde<never>, declared: StateCell): CellPlan {
  const { kind, options } = declared
  const value = planSerde(declared.value)
  const name = `${step}.${cell}`
  const ttlMs = options.ttl === undefined ? undefined : durationMs(options.ttl)
  const max = declared.kind === 'list' ? declared.options.max : undefined
  const rowKey = declared.kind === 'map' ? planSerde(keyPair<unknown, unknown>(anyOf(key), declared.key)) : key
  // The entries of a map are in the order of their first key too, so that those of one key can be listed.
  const shape: StoreShape = kind === 'map' ? { kind: 'sorted', order: key } : { kind: 'key' }
  const store = cellStore(name, rowKey, kind === 'list' ? planSerde(timedList(anyOf(value))) : value, shape)
  const byTime: StoreShape = { kind: 'sorted', order: planSerde(int64()) }
  const expiry =
    ttlMs === undefined
      ? undefined
      : { ...cellStore(`${name}.expiry`, rowKey, planSerde(int64()), byTime), timed: false }
  return { name: cell, kind, store, value, max, ttlMs, expiry }
}

/** Each value has the time of its last write, by which it is gone one day. */
function cellStore(name: string, key: Serde<never>, value: Serde<never>, shape: StoreShape): StorePlan {
  return { name, key, value, shape, retentionMs: undefined, timed: true }
}

/** The plan's serde with its type open again: it meets only the values that it was declared for. */
function anyOf(serde: Serde<never>): Serde<unknown> {
  return serde as unknown as Serde<unknown>
}
