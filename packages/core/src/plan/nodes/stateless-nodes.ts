import type { Callback } from '../callback.ts'
import type { ErrorPolicy } from '../error-policies.ts'
import type { Step, UnaryStep } from './step.ts'

/** New key and value from a callback that returns `[key, value]`. */
export interface MapNode extends UnaryStep {
  readonly kind: 'map'
  readonly fn: Callback<readonly [unknown, unknown]>
}

export interface MapValuesNode extends UnaryStep {
  readonly kind: 'mapValues'
  readonly fn: Callback
}

/** Keeps the records for which the callback returns `keep`. */
export interface FilterNode extends UnaryStep {
  readonly kind: 'filter'
  readonly fn: Callback
  readonly keep: boolean
}

export interface FlatMapNode extends UnaryStep {
  readonly kind: 'flatMap'
  readonly fn: Callback<Iterable<readonly [unknown, unknown]>>
}

export interface FlatMapValuesNode extends UnaryStep {
  readonly kind: 'flatMapValues'
  readonly fn: Callback<Iterable<unknown>>
}

/** New key, same value (`keyBy`, `groupBy`). */
export interface KeyByNode extends UnaryStep {
  readonly kind: 'keyBy'
  readonly fn: Callback
}

export interface PeekNode extends UnaryStep {
  readonly kind: 'peek'
  readonly fn: Callback
}

/** All records of several streams, one stream a port. Between streams the only order is that in which the task takes the records. */
export interface MergeNode extends Step {
  readonly kind: 'merge'
}

/** The records that none of the `before` callbacks accepts and `fn` does; `fn` undefined accepts the rest. */
export interface BranchNode extends UnaryStep {
  readonly kind: 'branch'
  readonly before: readonly Callback[]
  readonly fn: Callback | undefined
}

/** Synchronous RxJS operators over the values. What they emit during a call gets the caller's key and time. */
export interface PipeNode extends UnaryStep {
  readonly kind: 'pipe'
  /** Connects source to sink once per task; typed by the DSL. */
  readonly connect: (source: import('rxjs').Observable<never>) => import('rxjs').Observable<unknown>
}

/** States what happens with a record that fails in a step behind this one. Passes on every record. */
export interface ErrorPolicyNode extends UnaryStep {
  readonly kind: 'errorPolicy'
  readonly policy: ErrorPolicy
}
