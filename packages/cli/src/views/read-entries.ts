import type { Page, ReadOptions } from '@millrace/client'
import type { FoundEntry } from './found-entry.ts'
import { hasWindows } from './has-windows.ts'
import { type FoundView, keyOf } from './view-source.ts'

/** The maximum that a server returns at once: fewer requests for a whole view. */
const PAGE_ENTRIES = 1000

/** A range as the command line states it; keys are text. */
export interface EntriesQuery {
  /** The windows of this key only. */
  readonly key: string | undefined
  readonly from: string | undefined
  readonly to: string | undefined
  readonly prefix: string | undefined
  readonly windowFrom: number | undefined
  readonly windowTo: number | undefined
  /** From the last entry to the first. */
  readonly reverse: boolean
}

/** How to read, and what to do with what an answer states about itself. */
export interface NotedRead extends ReadOptions {
  /** Called with the parts of which standbys have answered, for each answer. */
  readonly noteStale?: (parts: readonly number[]) => void
}

/** The value of a key in a view without windows. */
export async function readKey(found: FoundView, key: string, read: NotedRead): Promise<FoundEntry | undefined> {
  const typed = keyOf(found.view, key)
  const { value, stale = [] } = await found.client.view<unknown, unknown>(found.view.name).lookup(typed, read)
  read.noteStale?.(stale)
  return value === undefined ? undefined : { key: typed, value }
}

/** The value of a key in one window. */
export async function readWindow(
  found: FoundView,
  key: string,
  start: number,
  read: NotedRead,
): Promise<FoundEntry | undefined> {
  const typed = keyOf(found.view, key)
  const view = found.client.windowedView<unknown, unknown>(found.view.name)
  const { window, value, stale = [] } = await view.lookup(typed, start, read)
  read.noteStale?.(stale)
  return window === undefined ? undefined : { key: typed, window, value }
}

/** The entries of a range, page by page, in the order of the view or in reverse. */
export async function* readEntries(
  found: FoundView,
  query: EntriesQuery,
  read: NotedRead,
): AsyncGenerator<FoundEntry, void> {
  let cursor: string | null | undefined
  do {
    const page = await readPage(found, query, { ...read, ...(cursor && { cursor }) })
    read.noteStale?.(page.stale ?? [])
    yield* page.entries
    cursor = page.next
  } while (cursor !== null)
}

function readPage(
  { view, client }: FoundView,
  query: EntriesQuery,
  page: ReadOptions & { readonly cursor?: string },
): Promise<Page<FoundEntry>> {
  const bound = (name: 'from' | 'to') => (query[name] === undefined ? {} : { [name]: keyOf(view, query[name]) })
  const windows = {
    ...(query.windowFrom !== undefined && { windowFrom: query.windowFrom }),
    ...(query.windowTo !== undefined && { windowTo: query.windowTo }),
    ...page,
    reverse: query.reverse,
    limit: PAGE_ENTRIES,
  }
  if (query.key !== undefined) {
    return client.windowedView<unknown, unknown>(view.name).windowsPage(keyOf(view, query.key), windows)
  }
  const prefix = query.prefix === undefined ? {} : { prefix: query.prefix }
  const range = { ...windows, ...bound('from'), ...bound('to'), ...prefix }
  return hasWindows(view)
    ? client.windowedView<unknown, unknown>(view.name).range(range)
    : client.view<unknown, unknown>(view.name).range(range)
}
