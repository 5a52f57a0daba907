import type { WindowStore } from '@millrace/core/internal'

/** Every entry of a windowed store, window by window, as scans visit them: key, window start, value. */
export function entriesOf<K, V>(
  store: WindowStore<K, V>,
  from = Number.NEGATIVE_INFINITY,
  before = Number.POSITIVE_INFINITY,
): [K, number, V][] {
  const entries: [K, number, V][] = []
  for (
    let start = store.firstWindow(from);
    start !== undefined && start < before;
    start = store.firstWindow(start + 1)
  ) {
    const scan = store.scan(start)
    for (let step = scan.step(); step !== 'end'; step = scan.step()) {
      if (step === 'entry') entries.push([scan.key, start, scan.value])
    }
  }
  return entries
}
