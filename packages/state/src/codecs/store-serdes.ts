import type { Serde } from '@millrace/core'
import type { SortedShape, StoreDescription, StoreShape } from '@millrace/core/internal'
import { SortedValueCodec } from './sorted-value-codec.ts'
import { ValueCodec } from './value-codec.ts'

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

/** Decodes a value as queries see it: of a sorted store, without its order. */
export type ReadValue<V> = (bytes: Buffer, start: number, end: number) => V

export function valueReader<K, V>(store: TypedStore<K, V>): ReadValue<V> {
  if (store.shape.kind === 'sorted') {
    const values = sortedValues(store, store.shape)
    return (bytes, start, end) => values.readValue(bytes, start, end)
  }
  const values = new ValueCodec(store)
  return (bytes, start, end) => values.read(bytes, start, end)
}

/** The plan has checked that the step gives values and orders of these serdes. */
export function sortedValues<K, V>(store: TypedStore<K, V>, { order }: SortedShape): SortedValueCodec<V, unknown> {
  return new SortedValueCodec(store, order as unknown as Serde<unknown>)
}

/** Whether the keys of a store have a start and an end. */
export function isTimed({ kind }: StoreShape): boolean {
  return kind !== 'key' && kind !== 'sorted'
}
