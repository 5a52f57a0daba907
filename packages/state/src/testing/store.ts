import type { Serde } from '@millrace/core'
import type { StoreDescription } from '@millrace/core/internal'

/** A store's description, as the plan makes it: without the types of its serdes. */
export function store<K, V>(
  name: string,
  key: Serde<K>,
  value: Serde<V>,
  windowMs?: number,
  timed = false,
): StoreDescription {
  return {
    name,
    key: key as unknown as Serde<never>,
    value: value as unknown as Serde<never>,
    shape: windowMs === undefined ? { kind: 'key' } : { kind: 'window', sizeMs: windowMs },
    timed,
  }
}
