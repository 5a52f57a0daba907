import type { Serde } from '../contracts/serde.ts'
import type { StoreShape } from '../contracts/store-shape.ts'

/** One of the two tables that are joined. */
export interface JoinSide {
  readonly key: Serde<never>
  readonly value: Serde<never>
  /** How its windows are kept; undefined if it has none. */
  readonly windows: StoreShape | undefined
}
