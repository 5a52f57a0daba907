import type { Serde } from '@millrace/core'
import type { StoreDescription, StoreShape } from '@millrace/core/internal'

/** A store's description, as the plan makes it: without the types of its serdes. A number is the size of its windows. */
export function store<K, V>(
  name: string,
  key: Serde<K>,
  value: Serde<V>,
  shape: StoreShape | number = { kind: 'key' },
  timed = false,
): StoreDescription {
  return {
    name,
    key: key as unknown as Serde<never>,
    value: value as unknown as Serde<never>,
    shape: typeof shape === 'number' ? { kind: 'window', sizeMs: shape } : shape,
    timed,
  }
}
