import type { StoredEntry, StorePage } from '@millrace/core/internal'

/** One page of a view, merged from its parts. */
export interface MergedPage<E> {
  readonly entries: readonly E[]
  /** The stored order of the last entry, where more may follow. */
  readonly next: Buffer | null
}

/** Takes entries until it says that the page is full. */
export interface PageBuilder<E> {
  readonly entries: readonly E[]
  add(entry: StoredEntry<unknown, unknown>): void
  readonly full: boolean
}

/** How far the merge has come in the page of one part. */
interface Head {
  readonly page: StorePage<unknown, unknown>
  index: number
}

/**
 * Merges the parts' pages in stored order until the builder is full, or a part's page has run out while its store has
 * more: what follows there is not known. Entries of equal order (one key in several parts, when it was produced with
 * different partitioners) are never split over two pages, because the cursor names an order only.
 */
export function mergePages<E>(pages: readonly StorePage<unknown, unknown>[], builder: PageBuilder<E>): MergedPage<E> {
  const heads: Head[] = pages.map((page) => ({ page, index: 0 }))
  let last: Buffer | undefined
  let stopped = false
  for (;;) {
    const head = leastHead(heads)
    const order = head?.page.order[head.index]
    const entry = head?.page.entries[head.index]
    if (head === undefined || order === undefined || entry === undefined) break
    if (stopped && last !== undefined && !order.equals(last)) break
    builder.add(entry)
    last = order
    head.index++
    stopped ||= builder.full || (isDry(head) && head.page.next !== null)
  }
  const more = heads.some((head) => !isDry(head) || head.page.next !== null)
  return { entries: builder.entries, next: more && last !== undefined ? last : null }
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

function isDry(head: Head): boolean {
  return head.index >= head.page.entries.length
}
