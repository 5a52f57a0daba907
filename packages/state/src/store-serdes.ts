import type { Serde } from '@millrace/core'
import type { StoreDescription, StoreShape } from '@millrace/core/internal'

/** A store's description, with its types. */
export interface TypedStore<K, V> {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  readonly shape: StoreShape
  readonly timed: boolean
}

/**
 * Gives a description its types back. The plan has checked them: if the caller requests a store with its plan's types, it gets
 * the serdes that the same plan gave.
 */
export function typedStore<K, V>(description: StoreDescription): TypedStore<K, V> {
  return description as unknown as TypedStore<K, V>
}
