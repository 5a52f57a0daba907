import type { Serde } from '@millrace/core'

/** How a view's keys and values are written in JSON: the part of its serdes that the client uses. */
export interface ViewCodec<K, V> {
  readonly key: Pick<Serde<K>, 'name' | 'toJson' | 'fromJson'>
  readonly value: Pick<Serde<V>, 'fromJson'>
}

/**
 * For a view of which only the name is known. Keys and values are the JSON that the server sends; the caller declares their
 * types. The key serde's name, from the server, determines how keys are written in URLs.
 */
export function jsonCodec<K, V>(keySerde: string): ViewCodec<K, V> {
  return {
    key: { name: keySerde, toJson: (key) => key, fromJson: (json) => json as K },
    value: { fromJson: (json) => json as V },
  }
}
