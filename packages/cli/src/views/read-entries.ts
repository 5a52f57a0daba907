import type { ReadOptions, Window } from '@millrace/client'
import { type FoundView, keyOf } from './view-source.ts'

/** The most that a server gives at once: fewer requests for a whole view. */
const PAGE_ENTRIES = 1000

/** An entry of a view by name: plain JSON. */
export interface FoundEntry {
  readonly key: unknown
  readonly window?: Window
  readonly value: unknown
}

/** A range as a command line states it; keys as text. */
export interface EntriesQuery {
  /** The windows of this key only. */
  readonly key: string | undefined
  readonly from: string | undefined
  readonly to: string | undefined
  readonly prefix: string | undefined
  readonly windowFrom: number | undefined
  readonly windowTo: number | undefined
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
  const value = await found.client.windowedView<unknown, unknown>(found.view.name).get(typed, start, wait)
  if (value === undefined) return undefined
  return { key: typed, window: { start, end: start + (found.view.windowMs ?? 0) }, value }
}

/** The entries of a range, page by page. */
export function readEntries(found: FoundView, query: EntriesQuery, wait: ReadOptions): AsyncIterable<FoundEntry> {
  const { client, view } = found
  const bound = (name: 'from' | 'to') => (query[name] === undefined ? {} : { [name]: keyOf(view, query[name]) })
  const windows = {
    ...(query.windowFrom !== undefined && { windowFrom: query.windowFrom }),
    ...(query.windowTo !== undefined && { windowTo: query.windowTo }),
    ...wait,
    limit: PAGE_ENTRIES,
  }
  if (query.key !== undefined) {
    return client.windowedView<unknown, unknown>(view.name).windows(keyOf(view, query.key), windows)
  }
  const prefix = query.prefix === undefined ? {} : { prefix: query.prefix }
  const range = { ...windows, ...bound('from'), ...bound('to'), ...prefix }
  return view.windowMs === null
    ? client.view<unknown, unknown>(view.name).all(range)
    : client.windowedView<unknown, unknown>(view.name).all(range)
}
