import type { Serde } from '../contracts/serde.ts'
import { type Pair, pair } from './pair.ts'

/** A change of a row: the value that it had, and the one that it has now. At least one of them is there. */
export type Change<V> = Pair<V, V>

/** Changes of rows, on their way to the groups that the rows belong to. */
export function change<V>(value: Serde<V>): Serde<Change<V>> {
  return pair(`change(${value.name})`, value, value)
}

/** Stands for a row whose value is not read: it takes no bytes. A row that is there reads as true. */
export const PRESENCE: Serde<unknown> = {
  name: 'presence',
  order: 'none',
  primitive: false,
  encode() {},
  decode: () => true,
  toJson: () => true,
  fromJson: () => true,
}
