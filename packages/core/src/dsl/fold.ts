import type { Serde } from '../contracts/serde.ts'
import { type FoldParts, isFold, partsOf } from '../folds/fold.ts'
import { resultsOfTotals, totalsOf } from '../folds/folded.ts'
import { several } from '../folds/several.ts'
import type { Add, Merge, RecordContext } from '../plan/callback.ts'
import type { PlanNode } from '../plan/node.ts'
import type { AggregateNode } from '../plan/nodes/aggregate-nodes.ts'
import type { ArrivalNode } from '../plan/nodes/order-nodes.ts'
import { PASSES_ALL, parametersSeen, READS_ALL } from '../plan/step-flow.ts'
import { recordStep, rowKeepsKey, storeStep } from '../plan/step-parts.ts'
import type { StorePlan } from '../plan/store-plan.ts'
import type { FixedWindows, WindowSpec } from '../plan/window.ts'
import { int64 } from '../serdes/numbers.ts'
import type { Aggregate, AggregateOptions, EmitOptions, MergedTotals } from './aggregate-options.ts'
import { copartitioned } from './copartitioned.ts'
import { durationMs } from './duration.ts'
import { planSerde, type StreamPlan, type TableWindow } from './plan-value.ts'
import { paneStorePlans, pendingStorePlan, recordStorePlan, storePlan } from './store-plan.ts'

/** How records become totals that are shown as `T`. All aggregates are one of these. */
export interface Totals<T> {
  /** The word that the user wrote. */
  readonly step: 'count' | 'reduce' | 'aggregate'
  readonly init: (() => unknown) | undefined
  readonly add: Add
  /** Undefined if none was given. */
  readonly merge: Merge | undefined
  /** Whether `merge` gives the total of all records of both, whatever the windows: then totals can be kept in parts. */
  readonly inParts: boolean
  /** How what is shown is written. */
  readonly value: Serde<T> | undefined
  /** Set if they are those of ready-made folds. */
  readonly ready?: FoldParts<never, never, T>
}

export function countTotals(): Totals<number> {
  const merge = (a: number, b: number) => a + b
  return { step: 'count', init: () => 0, add: (total: number) => total + 1, merge, inParts: true, value: int64() }
}

export function reduceTotals<K, V>(
  fn: (total: V, value: V, key: K, context: RecordContext) => V,
  value: Serde<V> | undefined,
): Totals<V> {
  const add = (total: V | undefined, next: V, key: K, context: RecordContext) =>
    total === undefined ? next : fn(total, next, key, context)
  // What is right for two values need not be right for two totals.
  return { step: 'reduce', init: undefined, add, merge: fn, inParts: false, value }
}

function optionsTotals<K, V, T>({
  init,
  add,
  merge,
  value,
}: AggregateOptions<K, V, T> & Partial<MergedTotals<K, T>>): Totals<T> {
  return { step: 'aggregate', init, add, merge, inParts: merge !== undefined, value }
}

/** The totals of ready-made folds, one or several, or of the callbacks of options. */
export function aggregateTotals<K, V, T>(how: Aggregate<K, V, T>): Totals<T> {
  if (isOptions(how)) return optionsTotals(how)
  return readyTotals(isFold(how) ? partsOf(how) : several(how))
}

/** Whether it is options, and not ready-made folds by name: those may have any names. */
export function isOptions<K, V, T>(how: Aggregate<K, V, T>): how is AggregateOptions<K, V, T> {
  return 'add' in how && typeof how.add === 'function'
}

function readyTotals<K, V, T>(parts: FoldParts<K, V, T>): Totals<T> {
  const { init, add, merge } = parts
  return { step: 'aggregate', init, add, merge, inParts: true, value: undefined, ready: parts }
}

/** The node that folds a stream into a store of that name. */
export function foldInto<K, V, T>(
  plan: StreamPlan<K, V>,
  name: string,
  totals: Totals<T>,
  window: WindowSpec | undefined,
  { emit = 'changes' }: EmitOptions,
): AggregateNode {
  const { node, key } = copartitioned(plan, name)
  const input = window?.clock === 'wall' ? arrivalNode(name, node) : node
  const { step, init, add, merge, ready } = totals
  const store = totalsStore(name, planSerde(key), totals, window && tableWindow(window))
  const isSliding = window?.kind === 'sliding'
  // A record that comes too late is passed on unchanged.
  const keepsKey = window === undefined && rowKeepsKey(store)
  const flow = { ...READS_ALL, keepsKey, keepsValue: true, readsValue: isSliding || parametersSeen(add) >= 2 }
  const made = { kind: 'aggregate', window, init, add, merge, fold: ready, paned: undefined } as const
  const parts = { ...storeStep(step, input, store, flow), ...made }
  const planned = typeof emit === 'string' ? emit : { everyMs: durationMs(emit.every) }
  if (isSliding) {
    const { sizeMs, graceMs } = window
    const records = recordStorePlan(`${name}.records`, store.key, plan.value, sizeMs + graceMs, true)
    return Object.freeze({ ...parts, stores: [store, records] as const, emit: planned })
  }
  const paned = emit === 'final' && totals.inParts ? panedWindows(window) : undefined
  if (paned !== undefined)
    return Object.freeze({ ...parts, stores: [store, ...paneStorePlans(store, paned)] as const, emit: planned, paned })
  const stores = typeof planned === 'string' ? ([store] as const) : ([store, pendingStorePlan(store)] as const)
  return Object.freeze({ ...parts, stores, emit: planned })
}

/** The windows, if they are to be merged of panes, and consist of whole ones. */
function panedWindows(window: WindowSpec | undefined): FixedWindows | undefined {
  return window?.kind === 'hopping' && window.panes && window.sizeMs % window.advanceMs === 0 ? window : undefined
}

/** The step that gives records the wall-clock time at which they come. It is in the task of the step that goes by this time. */
function arrivalNode(name: string, input: PlanNode): ArrivalNode {
  return Object.freeze({ ...recordStep('wall clock', input, PASSES_ALL), kind: 'arrival', name })
}

/** How the rows of windows are kept. */
export function tableWindow(windows: WindowSpec): TableWindow {
  const { kind, retentionMs } = windows
  const isFixed = kind !== 'session' && kind !== 'calendar'
  return { shape: isFixed ? { kind: 'window', sizeMs: windows.sizeMs } : { kind: 'interval' }, retentionMs }
}

/** Where totals are kept: those of ready-made folds with what is shown of them. */
export function totalsStore<T>(
  name: string,
  key: Serde<never>,
  totals: Totals<T>,
  window: TableWindow | undefined,
): StorePlan {
  const { value, ready } = totals
  if (ready === undefined) return storePlan(name, key, value, window, true)
  const store = storePlan(name, key, totalsOf(ready), window, true)
  return Object.freeze({ ...store, shown: planSerde(resultsOfTotals()) })
}
