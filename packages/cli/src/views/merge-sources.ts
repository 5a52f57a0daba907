import type { FoundEntry } from './found-entry.ts'

/** Merges what several processes have of a view, each in the order of the view, into one such sequence. */
export async function* mergeSources(
  sources: readonly AsyncIterable<FoundEntry>[],
  compare: (a: FoundEntry, b: FoundEntry) => number,
): AsyncGenerator<FoundEntry, void> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]())
  try {
    const heads = await Promise.all(iterators.map((iterator) => iterator.next()))
    for (;;) {
      let least = -1
      let leastEntry: FoundEntry | undefined
      for (const [at, head] of heads.entries()) {
        if (head.done === true || (leastEntry !== undefined && compare(head.value, leastEntry) >= 0)) continue
        least = at
        leastEntry = head.value
      }
      const iterator = iterators[least]
      if (leastEntry === undefined || iterator === undefined) return
      yield leastEntry
      heads[least] = await iterator.next()
    }
  } finally {
    await Promise.all(iterators.map((iterator) => iterator.return?.()))
  }
}

/** The order of a view's entries: strings by code point, numbers by value, then by window; other keys by their text. */
export function compareEntries(a: FoundEntry, b: FoundEntry): number {
  return compareKeys(a.key, b.key) || (a.window?.start ?? 0) - (b.window?.start ?? 0)
}

function compareKeys(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const text = (key: unknown) => Buffer.from(typeof key === 'string' ? key : JSON.stringify(key))
  return text(a).compare(text(b))
}
