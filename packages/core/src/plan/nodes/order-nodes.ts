import type { StorePlan } from '../store-plan.ts'
import type { UnaryStep } from './step.ts'

/** Gives each record the wall-clock time at which it comes. */
export interface ArrivalNode extends UnaryStep {
  readonly kind: 'arrival'
  /** The name of the step that goes by this time. */
  readonly name: string
}

/** Passes records on in the order of their event times. */
export interface InOrderNode extends UnaryStep {
  readonly kind: 'inOrder'
  /** The records that wait. */
  readonly stores: readonly [StorePlan]
  /** How long after its time, by event time, a record is still taken, ms. */
  readonly graceMs: number
}
