import type { Serde } from '../contracts/serde.ts'
import type { Add, AggregateNode, Merge, RecordContext } from '../plan/node.ts'
import { parametersSeen, READS_ALL } from '../plan/step-flow.ts'
import { rowKeepsKey, storeStep } from '../plan/step-parts.ts'
import type { WindowSpec } from '../plan/window.ts'
import { int64 } from '../serdes/numbers.ts'
import type { AggregateOptions, EmitOptions, TotalsOfTwoSessionsNeedMerge } from './aggregate-options.ts'
import { copartitioned } from './copartitioned.ts'
import { durationMs } from './duration.ts'
import { planSerde, type StreamPlan, type TableWindow } from './plan-value.ts'
import { pendingStorePlan, recordStorePlan, storePlan } from './store-plan.ts'

/** How records become totals of type `T`. All aggregates are one of these. */
export interface Fold<T> {
  /** The word that the user wrote. */
  readonly step: 'count' | 'reduce' | 'aggregate'
  readonly init: (() => T) | undefined
  readonly add: Add
  /** Undefined if none was given. */
  readonly merge: Merge | undefined
  readonly value: Serde<T> | undefined
}

export function countFold(): Fold<number> {
  const merge = (a: number, b: number) => a + b
  return { step: 'count', init: () => 0, add: (total: number) => total + 1, merge, value: int64() }
}

export function reduceFold<K, V>(
  fn: (total: V, value: V, key: K, context: RecordContext) => V,
  value: Serde<V> | undefined,
): Fold<V> {
  const add = (total: V | undefined, next: V, key: K, context: RecordContext) =>
    total === undefined ? next : fn(total, next, key, context)
  return { step: 'reduce', init: undefined, add, merge: fn, value }
}

export function optionsFold<K, V, T>({
  init,
  add,
  merge,
  value,
}: AggregateOptions<K, V, T> & Partial<TotalsOfTwoSessionsNeedMerge<K, T>>): Fold<T> {
  return { step: 'aggregate', init, add, merge, value }
}

/** The node that folds a stream into a store of that name. */
export function foldInto<K, V, T>(
  plan: StreamPlan<K, V>,
  name: string,
  fold: Fold<T>,
  window: WindowSpec | undefined,
  { emit = 'changes' }: EmitOptions,
): AggregateNode {
  const { node: input, key } = copartitioned(plan, name)
  const { step, init, add, merge, value } = fold
  const store = storePlan(name, planSerde(key), value, window && tableWindow(window), true)
  const isSliding = window?.kind === 'sliding'
  // A record that comes too late is passed on unchanged.
  const keepsKey = window === undefined && rowKeepsKey(store)
  const flow = { ...READS_ALL, keepsKey, keepsValue: true, readsValue: isSliding || parametersSeen(add) >= 2 }
  const parts = { ...storeStep(step, input, store, flow), kind: 'aggregate', window, init, add, merge } as const
  const planned = typeof emit === 'string' ? emit : { everyMs: durationMs(emit.every) }
  if (isSliding) {
    const { sizeMs, graceMs } = window
    const records = recordStorePlan(`${name}.records`, store.key, plan.value, sizeMs + graceMs)
    return Object.freeze({ ...parts, stores: [store, records] as const, emit: planned })
  }
  const stores = typeof planned === 'string' ? ([store] as const) : ([store, pendingStorePlan(store)] as const)
  return Object.freeze({ ...parts, stores, emit: planned })
}

/** How the rows of windows are kept. */
export function tableWindow(windows: WindowSpec): TableWindow {
  const { kind, retentionMs } = windows
  const isFixed = kind !== 'session' && kind !== 'calendar'
  return { shape: isFixed ? { kind: 'window', sizeMs: windows.sizeMs } : { kind: 'interval' }, retentionMs }
}
