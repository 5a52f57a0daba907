import type { InstantEntry, InstantStore } from '@millrace/core/internal'

/** An entry of a key and time that has no value: several records of a key may have the same time. */
export function freeEntry(
  store: InstantStore<unknown, unknown>,
  key: unknown,
  at: number,
): InstantEntry<unknown, unknown> {
  const first = store.find(key, at, 0)
  if (first.value === undefined) return first
  for (const last of store.ofKey(key, at, at + 1, true)) return store.find(key, at, last.sequence + 1)
  return first
}
