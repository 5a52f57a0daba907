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

/** The value of a key in a view without windows. */
export async function readKey(found: FoundView, key: string, wait: ReadOptions): Promise<FoundEntry | undefined> {
  const typed = keyOf(found.view, key)
  const value = await found.client.view<unknown, unknown>(found.view.name).get(typed, wait)
  return value === undefined ? undefined : { key: typed, value }
}

/** The value of a key in one window. */
export async function readWindow(
  found: FoundView,
  key: string,
  start: number,
  wait: ReadOptions,
): Promise<FoundEntry | undefined> {
  const typed = keyOf(found.view, key)
  const view = found.client.windowedView<unknown, unknown>(found.view.name)
  const { window, value } = await view.lookup(typed, start, wait)
  return window === undefined ? undefined : { key: typed, window, value }
}

/** The entries of a range, page by page, in the order of the view or in reverse. */
export async function* readEntries(
  found: FoundView,
  query: EntriesQuery,
  wait: ReadOptions,
): AsyncGenerator<FoundEntry, void> {
  let cursor: string | null | undefined
  do {
    const page = await readPage(found, query, { ...wait, ...(cursor && { cursor }) })
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
