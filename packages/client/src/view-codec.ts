import type { Serde } from '@millrace/core'

/** How a view's keys and values stand in JSON: what is used of its serdes. */
export interface ViewCodec<K, V> {
  readonly key: Pick<Serde<K>, 'name' | 'toJson' | 'fromJson'>
  readonly value: Pick<Serde<V>, 'fromJson'>
}

/**
 * For a view that is known by name only: keys and values are the JSON that the server sends, and the types are the
 * caller's word. The key serde's name, from the server, tells how keys are written in URLs.
 */
export function jsonCodec<K, V>(keySerde: string): ViewCodec<K, V> {
  return {
    key: { name: keySerde, toJson: (key) => key, fromJson: (json) => json as K },
    value: { fromJson: (json) => json as V },
  }
}
