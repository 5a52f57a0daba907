import type { Serde } from '../contracts/serde.ts'
import type { StorePlan, UnaryStep } from './node.ts'

/** A step of the user's own: callbacks for records and timers, with state and timers by key. */
export interface ProcessNode extends UnaryStep {
  readonly kind: 'process'
  readonly name: string
  readonly key: Serde<never>
  readonly cells: readonly CellPlan[]
  /** Where the timers are kept; undefined if there are none. */
  readonly timers: StorePlan | undefined
  readonly sideOutputs: readonly string[]
  readonly onRecord: (value: never, key: never, context: never) => unknown
  readonly onTombstone: ((key: never, context: never) => unknown) | undefined
  readonly onTimer: Readonly<Record<string, (key: never, context: never) => unknown>>
}

/** What a process step keeps for each key, under a name. */
export interface CellPlan {
  readonly name: string
  readonly kind: 'value' | 'list' | 'map'
  readonly store: StorePlan
  /** How one value, element or entry is written. */
  readonly value: Serde<never>
  /** How many elements a list keeps. */
  readonly max: number | undefined
  readonly ttlMs: number | undefined
  /** When what the store has is gone, by its keys; undefined if it is kept. */
  readonly expiry: StorePlan | undefined
}

/** The records that a process step emits to a side output. */
export interface SideOutputNode extends UnaryStep {
  readonly kind: 'sideOutput'
  readonly name: string
}

/** Makes a cell of a process step a view. */
export interface StateViewNode extends UnaryStep {
  readonly kind: 'stateView'
  readonly view: StorePlan
}
