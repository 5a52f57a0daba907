import { MillraceClient } from '@millrace/client'
import { expect, test } from 'vitest'
import type { FoundEntry } from './found-entry.ts'
import { type EntriesQuery, readEntries, readKey, readWindow } from './read-entries.ts'
import type { FoundView } from './view-source.ts'

const ALL: EntriesQuery = {
  key: undefined,
  from: undefined,
  to: undefined,
  prefix: undefined,
  windowFrom: undefined,
  windowTo: undefined,
  reverse: false,
}
const WINDOW_MS = 10

/** A process that serves the view `sums` in pages of two entries, and records the requests that it got. */
function process(keys: readonly unknown[], { key: keySerde = 'string', windowMs = null as number | null } = {}) {
  const requests: URL[] = []
  const entryOf = (key: unknown) => ({
    key,
    ...(windowMs !== null && { window: { start: WINDOW_MS, end: WINDOW_MS + windowMs } }),
    value: { of: key },
  })
  const shape = windowMs === null ? 'key' : 'window'
  const view = { name: 'sums', key: keySerde, value: 'json', shape, windowMs, partitions: 1, parts: [0] }
  const answer = (url: URL): Response => {
    if (url.pathname === '/views') return Response.json({ views: [{ ...view, position: '' }] })
    requests.push(url)
    if (url.pathname.endsWith('/value')) {
      const text = url.searchParams.get('key')
      const key = keys.find((each) => (typeof each === 'string' ? each : JSON.stringify(each)) === text)
      if (key !== undefined) return Response.json({ ...entryOf(key), position: '' })
      return Response.json({ code: 'VALUE_MISSING', message: 'nothing', position: '' }, { status: 404 })
    }
    const ordered = url.searchParams.get('reverse') === 'true' ? keys.toReversed() : keys
    const at = Number(url.searchParams.get('cursor') ?? 0)
    const next = at + 2 < ordered.length ? `${at + 2}` : null
    return Response.json({ entries: ordered.slice(at, at + 2).map(entryOf), next, position: '' })
  }
  const client = new MillraceClient('http://localhost', { fetch: async (input) => answer(new URL(String(input))) })
  const found: FoundView = { view: { ...view, position: {} }, client, close: async () => {} }
  return { found, requests }
}

async function keysOf(entries: AsyncIterable<FoundEntry>): Promise<unknown[]> {
  const keys: unknown[] = []
  for await (const { key } of entries) keys.push(key)
  return keys
}

test('a range comes page by page to its end, in the requested order', async () => {
  const keys = ['a', 'b', 'c', 'd', 'e']
  const { found, requests } = process(keys)
  expect(await keysOf(readEntries(found, ALL, {}))).toEqual(keys)
  expect(requests.map((url) => url.searchParams.get('cursor'))).toEqual([null, '2', '4'])
  expect(await keysOf(readEntries(found, { ...ALL, reverse: true }, {}))).toEqual(keys.toReversed())
})

test('no page is read beyond what is taken', async () => {
  const { found, requests } = process(['a', 'b', 'c', 'd', 'e'])
  for await (const { key } of readEntries(found, ALL, {})) if (key === 'b') break
  expect(requests).toHaveLength(1)
})

test('every page has the bounds of the range, with keys in the type of the view, and the wait', async () => {
  const { found, requests } = process([1, 2, 3], { key: 'json' })
  const range = { ...ALL, from: '1', to: '{"a":[4]}', prefix: '[' }
  await keysOf(readEntries(found, range, { after: { numbers: { 0: 7 } }, timeoutMs: 100 }))
  expect(requests).toHaveLength(2)
  for (const url of requests) {
    expect(url.pathname).toBe('/views/sums/entries')
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      from: '1',
      to: '{"a":[4]}',
      prefix: '[',
      after: 'numbers/0=7',
      timeout: '100',
    })
  }
})

test('a key alone is its value, and undefined if it is missing', async () => {
  const { found } = process(['a', ''])
  expect(await readKey(found, 'a', {})).toEqual({ key: 'a', value: { of: 'a' } })
  expect(await readKey(found, '', {})).toEqual({ key: '', value: { of: '' } })
  expect(await readKey(found, 'nowhere', {})).toBeUndefined()
})

test('in a view with windows an entry has its window, alone and in the windows of its key', async () => {
  const { found, requests } = process(['a'], { windowMs: WINDOW_MS })
  const window = { start: WINDOW_MS, end: 2 * WINDOW_MS }
  expect(await readWindow(found, 'a', WINDOW_MS, {})).toEqual({ key: 'a', window, value: { of: 'a' } })
  expect(await readWindow(found, 'b', WINDOW_MS, {})).toBeUndefined()
  const entries = readEntries(found, { ...ALL, key: 'a', windowFrom: 0, windowTo: 50 }, {})
  const read: FoundEntry[] = []
  for await (const entry of entries) read.push(entry)
  expect(read).toEqual([{ key: 'a', window, value: { of: 'a' } }])
  expect(requests.at(-1)?.pathname).toBe('/views/sums/windows')
  expect(Object.fromEntries(requests.at(-1)?.searchParams ?? [])).toMatchObject({
    key: 'a',
    windowFrom: '0',
    windowTo: '50',
  })
})
