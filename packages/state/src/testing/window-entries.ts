import type { TimedStore, WindowEntry } from '@millrace/core/internal'

/** Every entry of a windowed store, window by window, as scans visit them: key, window start, value. */
export function entriesOf<K, V>(
  store: TimedStore<K, V, WindowEntry<K, V>>,
  from = Number.NEGATIVE_INFINITY,
  before = Number.POSITIVE_INFINITY,
): [K, number, V][] {
  return [...visit(store, from, before)].flatMap(({ key, start, value }): [K, number, V][] =>
    value === undefined ? [] : [[key, start, value]],
  )
}

/** Every entry of a store by key and time, time by time, as scans visit them; in reverse from the last time to the first. */
export function* visit<E>(
  store: Pick<TimedStore<unknown, unknown, never>, 'firstTime' | 'lastTime'> & {
    scan(time: number): { readonly entry: E; step(): 'entry' | 'gathering' | 'end' }
  },
  from = Number.NEGATIVE_INFINITY,
  before = Number.POSITIVE_INFINITY,
  reverse = false,
): Generator<E, void> {
  let time = reverse ? store.lastTime(before) : store.firstTime(from)
  while (time !== undefined && time >= from && time < before) {
    const scan = store.scan(time)
    for (let step = scan.step(); step !== 'end'; step = scan.step()) if (step === 'entry') yield scan.entry
    time = reverse ? store.lastTime(time) : store.firstTime(time + 1)
  }
}
