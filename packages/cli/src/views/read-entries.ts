import type { MillraceClient, Page, ReadOptions } from '@millrace/client'
import { MillraceError } from '@millrace/core'
import type { FoundEntry } from './found-entry.ts'
import { compareEntries, mergeSources } from './merge-sources.ts'
import { type FoundView, keyOf, partsMissing, partsMoved, type ViewSource } from './view-source.ts'

/** The most that a server gives at once: fewer requests for a whole view. */
const PAGE_ENTRIES = 1000

/** A range as a command line states it; keys as text. */
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
  const value = await firstValue(found, (client) => client.view<unknown, unknown>(found.view.name).get(typed, wait))
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
  const value = await firstValue(found, (client) =>
    client.windowedView<unknown, unknown>(found.view.name).get(typed, start, wait),
  )
  if (value === undefined) return undefined
  return { key: typed, window: { start, end: start + (found.view.windowMs ?? 0) }, value }
}

/** The entries of a range, page by page, in the order of the view or in reverse. */
export function readEntries(found: FoundView, query: EntriesQuery, wait: ReadOptions): AsyncIterable<FoundEntry> {
  const [only, ...others] = found.sources
  if (found.missing.length > 0 || only === undefined) throw partsMissing(found)
  const sources = [only, ...others].map((source) => readSource(found, source, others.length > 0, query, wait))
  const [first] = sources
  return first !== undefined && others.length === 0
    ? first
    : mergeSources(sources, query.reverse ? (a, b) => compareEntries(b, a) : compareEntries)
}

/**
 * What the first process answers that has the key. One that has only a part of the view says so of a key that it does not have:
 * it is nowhere only if all parts were asked.
 */
async function firstValue(found: FoundView, get: (client: MillraceClient) => Promise<unknown>): Promise<unknown> {
  for (const { client } of found.sources) {
    try {
      const value = await get(client)
      if (value !== undefined) return value
    } catch (error) {
      if (found.sources.length === 1 && found.missing.length === 0) throw error
      if (!(error instanceof MillraceError) || error.code !== 'VIEW_INCOMPLETE') throw error
    }
  }
  if (found.missing.length > 0) throw partsMissing(found)
  return undefined
}

async function* readSource(
  found: FoundView,
  { client, parts }: ViewSource,
  isPart: boolean,
  query: EntriesQuery,
  wait: ReadOptions,
): AsyncGenerator<FoundEntry, void> {
  const part = isPart ? { parts: 'here' as const } : {}
  let cursor: string | null | undefined
  do {
    const page = await readPage(found, client, query, { ...wait, ...part, ...(cursor && { cursor }) })
    if (isPart && String(page.parts) !== String(parts)) throw partsMoved(found)
    yield* page.entries
    cursor = page.next
  } while (cursor !== null)
}

function readPage(
  { view }: FoundView,
  client: MillraceClient,
  query: EntriesQuery,
  page: ReadOptions & { readonly cursor?: string; readonly parts?: 'here' },
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
  return view.windowMs === null
    ? client.view<unknown, unknown>(view.name).range(range)
    : client.windowedView<unknown, unknown>(view.name).range(range)
}
