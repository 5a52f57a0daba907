import type { Serde } from '../../contracts/serde.ts'
import type { CellPlan } from '../cell-plan.ts'
import type { StorePlan } from '../store-plan.ts'
import type { UnaryStep } from './step.ts'

/** A step of the user's own: callbacks for records and timers, with state and timers for each key, or for each task. */
export interface ProcessNode extends UnaryStep {
  readonly kind: 'process'
  readonly name: string
  readonly scope: 'key' | 'task'
  /** How the keys of state and timers are written. Those of a task have one, the empty text. */
  readonly key: Serde<never>
  readonly cells: readonly CellPlan[]
  /** Where the timers are kept; undefined if there are none. */
  readonly timers: StorePlan | undefined
  readonly sideOutputs: readonly string[]
  readonly onRecord: (value: never, key: never, context: never) => unknown
  readonly onTombstone: ((key: never, context: never) => unknown) | undefined
  readonly onTimer: Readonly<Record<string, (key: never, context: never) => unknown>>
}

/** The records that a process step emits to a side output. */
export interface SideOutputNode extends UnaryStep {
  readonly kind: 'sideOutput'
  readonly name: string
  /** The name of the step. */
  readonly step: string
}

/** Makes a cell of a process step a view. */
export interface StateViewNode extends UnaryStep {
  readonly kind: 'stateView'
  readonly view: StorePlan
}
