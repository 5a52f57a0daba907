import type { Serde } from '../../contracts/serde.ts'
import type { Add, Callback, Merge } from '../callback.ts'
import type { Emit } from '../emit.ts'
import type { FoldPlan } from '../fold-plan.ts'
import type { StorePlan } from '../store-plan.ts'
import type { FixedWindows, WindowSpec } from '../window.ts'
import type { Step, UnaryStep } from './step.ts'

/** Folds records by key, or by key and window, into a table. `count` and `reduce` are derived from it. */
export interface AggregateNode extends UnaryStep {
  readonly kind: 'aggregate'
  /**
   * The totals; and what is to be emitted of them, if that is now and then, or the records, if windows are sliding, or the panes and
   * the next window of each key, if there are panes.
   */
  readonly stores: readonly [StorePlan, ...(readonly StorePlan[])]
  /** Undefined: by key alone. */
  readonly window: WindowSpec | undefined
  /** The total before the first record; undefined: `add` gets undefined. */
  readonly init: (() => unknown) | undefined
  readonly add: Add
  /** Undefined if totals are never merged. */
  readonly merge: Merge | undefined
  readonly emit: Emit
  /** The windows, if they are merged of panes. */
  readonly paned: FixedWindows | undefined
  /** Set if `init` and `add` are those of ready-made folds: then `add` does not change the total that it gets. */
  readonly fold: FoldPlan | undefined
}

/** Folds the records of several streams by key into one table. */
export interface CogroupNode extends Step {
  readonly kind: 'cogroup'
  readonly stores: readonly [StorePlan]
  /** How the keys of each stream are written. */
  readonly keys: readonly Serde<never>[]
  /** The total before the first record of any of them. */
  readonly init: () => unknown
  /** For each stream. */
  readonly adds: readonly Add[]
}

/** Folds each `size` consecutive records of a key into a total, and passes it on as a record. */
export interface CountWindowNode extends UnaryStep {
  readonly kind: 'countWindow'
  /** The totals of the windows that are not full, and how many records are in each. */
  readonly stores: readonly [StorePlan, StorePlan]
  readonly size: number
  readonly init: (() => unknown) | undefined
  readonly add: Add
  /** As for an aggregate. */
  readonly fold: FoldPlan | undefined
}

/** Leaves out records that are repeats of an earlier one. Its store has the event times of those that have passed. */
export interface DedupeNode extends UnaryStep {
  readonly kind: 'dedupe'
  readonly stores: readonly [StorePlan]
  /** How keys are written. */
  readonly key: Serde<never>
  /** What repeats of a key have in common; undefined: the key alone. */
  readonly id: Callback | undefined
  readonly withinMs: number
  readonly graceMs: number
}

/** The records that came too late for the step that is its input, as they were. */
export interface LateNode extends UnaryStep {
  readonly kind: 'late'
  /** The port of that step to which they came. */
  readonly port: number
}
