import type { Serde } from '../contracts/serde.ts'
import type { StoreShape } from '../contracts/store-shape.ts'
import { RefusedError } from '../errors/millrace-error.ts'
import { shownSerde } from '../plan/shown-serde.ts'
import { viewedStore } from '../plan/step-parts.ts'
import type { StorePlan } from '../plan/store-plan.ts'
import { PLAN } from './plan-value.ts'
import type { Table } from './table.ts'
import type { Window, Windowed } from './windowed.ts'

/** The key type of a table's view: `string` for a `Table<Windowed<string>, …>`. */
export type ViewKey<T> = T extends Table<infer K, infer _V> ? (K extends Windowed<infer Inner> ? Inner : K) : never

/** The value type of a table's view. */
export type ViewValue<T> = T extends Table<infer _K, infer V> ? V : never

/** `Window` for the view of a windowed table, `undefined` for others. */
export type ViewWindow<T> =
  T extends Table<infer K, infer _V> ? (K extends Windowed<unknown> ? Window : undefined) : never

/** What a reader of a view must know about it. */
export interface ViewAccess<K, V> {
  readonly name: string
  /** How keys are written; without their window. */
  readonly key: Serde<K>
  readonly value: Serde<V>
  readonly shape: StoreShape
}

/** A table as its readers address it. Throws `VIEW_MISSING` for a table that keeps no rows. */
export function viewOf<T extends Table<unknown, unknown>>(table: T): ViewAccess<ViewKey<T>, ViewValue<T>>
export function viewOf(table: Table<unknown, unknown>): StorePlan {
  const { node } = table[PLAN]
  const store = viewedStore(node)
  if (store !== undefined) return { ...store, value: shownSerde(store) }
  throw new RefusedError(
    'VIEW_MISSING',
    `Step ${node.label} cannot be read as a view, because it does not keep its rows. Give it a name, as in { name: 'my-view' }`,
  )
}
