import { ByteWriter, type Position } from '@millrace/core'
import { partitionOf, type StoredEntry, type StoreRange } from '@millrace/core/internal'
import { jsonEntry } from './entry-json.ts'
import { PAGE_CHARS_MAX } from './limits.ts'
import { type MergedPage, mergePages } from './merge-pages.ts'
import type { ServedView, ViewPart } from './served-view.ts'
import { mergePositions } from './view-position.ts'

/** An answer and what it reflects: everything before `position`, and maybe more; never less. */
export interface Reflecting<T> {
  readonly value: T
  readonly position: Position
}

/**
 * The value of a key (and window), or undefined. Asks the part in which the default partitioner puts the key, and then
 * the others: a producer may have used another one.
 */
export async function findValue(
  view: ServedView,
  key: unknown,
  windowStart: number | undefined,
): Promise<Reflecting<unknown>> {
  const passed: Position[] = []
  for (const part of likeliestFirst(view, key)) {
    // Before the read: a commit in between makes the value newer than the position says, never older.
    const { position } = part
    const value = await (windowStart === undefined ? part.store.get(key) : part.store.getWindow(key, windowStart))
    if (value !== undefined) return { value, position }
    passed.push(position)
  }
  return { value: undefined, position: mergePositions(passed) }
}

/** A page of entries as JSON texts, in stored order, from all the parts. */
export async function findPage(view: ServedView, range: StoreRange<unknown>): Promise<Reflecting<MergedPage<string>>> {
  const { parts } = view
  const position = mergePositions(parts.map((part) => part.position))
  const partLimit = entriesPerPart(range.limit, parts.length)
  const pages = await Promise.all(parts.map((part) => part.store.range({ ...range, limit: partLimit })))
  return { value: mergePages(pages, pageOfJson(view, range.limit)), position }
}

/** Keys are spread evenly, so a page needs few more than its share from each part; a part that runs dry ends the page. */
function entriesPerPart(limit: number, parts: number): number {
  return Math.min(limit, 2 * Math.ceil(limit / parts) + 8)
}

function pageOfJson(view: ServedView, limit: number) {
  const entries: string[] = []
  let chars = 0
  return {
    entries,
    add(entry: StoredEntry<unknown, unknown>) {
      const json = JSON.stringify(jsonEntry(view, entry))
      chars += json.length
      entries.push(json)
    },
    get full() {
      return entries.length >= limit || chars >= PAGE_CHARS_MAX
    },
  }
}

function likeliestFirst(view: ServedView, key: unknown): readonly ViewPart[] {
  if (view.parts.length === 1) return view.parts
  const out = new ByteWriter()
  view.key.encode(key, out)
  const home = partitionOf(out.buffer, 0, out.position, view.partitions)
  return view.parts.toSorted((a, b) => Number(b.partition === home) - Number(a.partition === home))
}
