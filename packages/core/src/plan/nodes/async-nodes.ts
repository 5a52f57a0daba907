import type { Serde } from '../../contracts/serde.ts'
import type { CallPlan } from '../call-plan.ts'
import type { LookupPlan } from '../lookup-plan.ts'
import type { StorePlan } from '../store-plan.ts'
import type { UnaryStep } from './step.ts'

/** Calls the outside world for each record, without holding up the task, and passes on what the calls give. */
export interface AsyncNode extends UnaryStep {
  readonly kind: 'async'
  readonly name: string
  /** How the records that wait are written, and those that become dead letters. */
  readonly key: Serde<never>
  readonly value: Serde<never>
  /** The records whose calls are not done, by number; and how many records have come, and from where. */
  readonly stores: readonly [calls: StorePlan, progress: StorePlan]
  /** What becomes of what a call gives: it is the result, a list of results, or of no interest. */
  readonly gives: 'value' | 'values' | 'nothing'
  readonly fn: (value: never, key: never, context: never) => unknown
  /** What `fn` is for, if it looks something up. */
  readonly lookup: LookupPlan | undefined
  readonly calls: CallPlan
}
