import type { StoredEntry, StorePage } from '@millrace/core/internal'

/** An entry of a view, and its place in stored order. */
export interface PlacedEntry {
  readonly entry: StoredEntry<unknown, unknown>
  readonly order: Buffer
}

/** The parts' pages as one. */
export interface MergedPages {
  /** In stored order, up to `next`. */
  readonly entries: Iterable<PlacedEntry>
  /** The place up to which every part has been read, where one may have more; null where none has. */
  readonly next: Buffer | null
}

/** How far the merge has come in the page of one part. */
interface Head {
  readonly page: StorePage<unknown, unknown>
  index: number
}

/** Merges the parts' pages, up to the first place behind which what a part has is not known. */
export function mergePages(pages: readonly StorePage<unknown, unknown>[]): MergedPages {
  const places = pages.flatMap(({ next }) => next ?? [])
  const next = places.reduce<Buffer | null>(
    (least, place) => (least === null || place.compare(least) < 0 ? place : least),
    null,
  )
  return { entries: entriesUpTo(pages, next), next }
}

function* entriesUpTo(pages: readonly StorePage<unknown, unknown>[], end: Buffer | null): Generator<PlacedEntry> {
  const heads: Head[] = pages.map((page) => ({ page, index: 0 }))
  for (;;) {
    const head = leastHead(heads)
    const order = head?.page.order[head.index]
    const entry = head?.page.entries[head.index]
    if (head === undefined || order === undefined || entry === undefined) return
    if (end !== null && order.compare(end) > 0) return
    yield { entry, order }
    head.index++
  }
}

function leastHead(heads: readonly Head[]): Head | undefined {
  let least: Head | undefined
  let leastOrder: Buffer | undefined
  for (const head of heads) {
    const order = head.page.order[head.index]
    if (order === undefined || (leastOrder !== undefined && order.compare(leastOrder) >= 0)) continue
    least = head
    leastOrder = order
  }
  return least
}
