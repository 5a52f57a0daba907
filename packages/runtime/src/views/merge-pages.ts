import type { JsonEntry } from './entry-json.ts'
import type { PartPage } from './part-source.ts'

/** An entry of a view, and its place in stored order. */
export interface PlacedEntry {
  readonly entry: () => JsonEntry
  readonly order: Buffer
}

/** The parts' pages as one. */
export interface MergedPages {
  /** In stored order, up to `next`. */
  readonly entries: Iterable<PlacedEntry>
  /** The place up to which every part has been read, if one may have more; null if none has. */
  readonly next: Buffer | null
}

/** How far the merge has come in the page of one part. */
interface Head {
  readonly page: PartPage
  index: number
}

type Compare = (a: Buffer, b: Buffer) => number

/**
 * Merges the parts' pages, up to the first place after which the entries of some part are unknown. `reverse`: the pages are
 * from the last entry to the first.
 */
export function mergePages(pages: readonly PartPage[], reverse: boolean): MergedPages {
  const compare: Compare = reverse ? (a, b) => b.compare(a) : (a, b) => a.compare(b)
  const places = pages.flatMap(({ next }) => next ?? [])
  const next = places.reduce<Buffer | null>(
    (first, place) => (first === null || compare(place, first) < 0 ? place : first),
    null,
  )
  return { entries: entriesUpTo(pages, next, compare), next }
}

function* entriesUpTo(pages: readonly PartPage[], end: Buffer | null, compare: Compare): Generator<PlacedEntry> {
  const heads: Head[] = pages.map((page) => ({ page, index: 0 }))
  for (;;) {
    const head = firstHead(heads, compare)
    const order = head?.page.order[head.index]
    const entry = head?.page.entries[head.index]
    if (head === undefined || order === undefined || entry === undefined) return
    if (end !== null && compare(order, end) > 0) return
    yield { entry, order }
    head.index++
  }
}

function firstHead(heads: readonly Head[], compare: Compare): Head | undefined {
  let first: Head | undefined
  let firstOrder: Buffer | undefined
  for (const head of heads) {
    const order = head.page.order[head.index]
    if (order === undefined || (firstOrder !== undefined && compare(order, firstOrder) >= 0)) continue
    first = head
    firstOrder = order
  }
  return first
}
