import type { Serde } from '../contracts/serde.ts'
import type { StorePlan } from './store-plan.ts'

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
