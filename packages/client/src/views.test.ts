import { RefusedError, RetriableError } from '@millrace/core'
import { expect, test } from 'vitest'
import { MillraceClient } from './millrace-client.ts'
import { ScriptedServer } from './testing/scripted-server.ts'

const URL_BASE = 'http://127.0.0.1:4711'
const HOUR = 3_600_000

function client(server: ScriptedServer, url = URL_BASE): MillraceClient {
  server.answer('/views', { job: 'flights', views: [described('delays', HOUR), described('totals', null)] })
  return new MillraceClient(url, { fetch: server.fetch })
}

function described(name: string, windowMs: number | null) {
  const shape = windowMs === null ? 'key' : 'window'
  return { name, key: 'string', value: 'json', shape, windowMs, partitions: 1, parts: [0], position: 'flights/0=3' }
}

async function taken<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const entry of entries) list.push(entry)
  return list
}

/** The parameters of the last request. */
function lastRequest(server: ScriptedServer): Record<string, string> {
  return Object.fromEntries(server.requests.at(-1)?.searchParams ?? [])
}

test('a value is requested by key, and comes with the position that it reflects', async () => {
  const server = new ScriptedServer()
  server.answer('/views/totals/value', { key: 'a&b=ü', value: { minutes: 3 }, position: 'flights/0=3' })
  const view = client(server).view<string, { minutes: number }>('totals')
  expect(await view.get('a&b=ü')).toEqual({ minutes: 3 })
  expect(lastRequest(server)).toEqual({ key: 'a&b=ü' })
  expect(await view.lookup('a&b=ü')).toEqual({ value: { minutes: 3 }, position: { flights: { 0: 3 } } })
})

test('a key without a value is undefined, and has a position too', async () => {
  const server = new ScriptedServer()
  server.answer('/views/totals/value', { code: 'VALUE_MISSING', message: 'none', position: 'flights/0=3' }, 404)
  const view = client(server).view<string, number>('totals')
  expect(await view.get('ATL')).toBeUndefined()
  expect(await view.lookup('ATL')).toEqual({ value: undefined, position: { flights: { 0: 3 } } })
})

test('an answer that may come from standbys names the parts that do', async () => {
  const server = new ScriptedServer()
  const view = client(server).view<string, number>('totals')
  server.answer('/views/totals/value', { key: 'ATL', value: 1, position: 'flights/0=3', stale: [0, 2] })
  expect(await view.lookup('ATL', { stale: true })).toMatchObject({ value: 1, stale: [0, 2] })
  expect(lastRequest(server)).toEqual({ key: 'ATL', stale: 'true' })
  server.answer('/views/totals/entries', { entries: [], next: null, position: 'flights/0=3', stale: [1] })
  expect(await view.range({ stale: true })).toMatchObject({ stale: [1] })
  expect(lastRequest(server)).toEqual({ stale: 'true' })
  server.answer('/views/totals/entries', { entries: [], next: null, position: 'flights/0=3' })
  expect(await view.range({ stale: false })).not.toHaveProperty('stale')
  expect(lastRequest(server)).toEqual({})
})

test('an answer of a view that does not count from the start states the position from which it counts', async () => {
  const server = new ScriptedServer()
  const from = { position: 'flights/0=9', completeFrom: 'flights/0=7' }
  const views = client(server)
  server.answer('/views', { views: [{ ...described('totals', null), ...from }] })
  server.answer('/views/totals/value', { key: 'ATL', value: 1, ...from })
  server.answer('/views/totals/entries', { entries: [], next: null, ...from })
  const completeFrom = { flights: { 0: 7 } }
  const view = views.view<string, number>('totals')
  expect(await view.lookup('ATL')).toMatchObject({ completeFrom })
  expect(await view.range()).toMatchObject({ completeFrom })
  expect(await views.views()).toMatchObject([{ completeFrom }])
  server.answer('/views/totals/value', { code: 'VALUE_MISSING', message: 'none', ...from }, 404)
  expect(await view.lookup('ATL')).toMatchObject({ value: undefined, completeFrom })
})

test('a read waits for the position that its options name', async () => {
  const server = new ScriptedServer()
  server.answer('/views/delays/value', { key: 'ATL', value: 1, position: 'flights/0=9' })
  const view = client(server).windowedView<string, number>('delays')
  await view.get('ATL', -HOUR, { after: { flights: { 0: 8, 1: 2 } }, timeoutMs: 70 })
  expect(lastRequest(server)).toEqual({
    key: 'ATL',
    window: '-3600000',
    after: 'flights/0=8,flights/1=2',
    timeout: '70',
  })
})

test('an answer of a view with windows has the window, start and end', async () => {
  const server = new ScriptedServer()
  const window = { start: HOUR, end: 2 * HOUR }
  server.answer('/views/delays/value', { key: 'ATL', window, value: 1, position: 'flights/0=9' })
  const view = client(server).windowedView<string, number>('delays')
  expect(await view.lookup('ATL', HOUR)).toEqual({ value: 1, window, position: { flights: { 0: 9 } } })
})

test('keys that are not strings are requested as JSON', async () => {
  const server = new ScriptedServer()
  const views = client(server)
  server.answer('/views', { views: [{ ...described('totals', null), key: 'json' }] })
  server.answer('/views/totals/value', { key: '1', value: 1, position: '' })
  await views.view<string, number>('totals').get('1')
  expect(lastRequest(server)).toEqual({ key: '"1"' })
})

test('a page of a range, and all of it, page by page', async () => {
  const server = new ScriptedServer()
  const window = { start: 0, end: HOUR }
  server.respond('/views/delays/entries', () => {
    const { cursor } = lastRequest(server)
    const entries = [{ key: cursor ?? 'first', window, value: 1 }]
    return Response.json({ entries, next: cursor === undefined ? 'second' : null, position: 'flights/0=3' })
  })
  const view = client(server).windowedView<string, number>('delays')
  const page = await view.range({ from: 'a', to: 'b', prefix: 'a', windowFrom: 0, windowTo: HOUR, limit: 7 })
  expect(page).toEqual({
    entries: [{ key: 'first', window, value: 1 }],
    next: 'second',
    position: { flights: { 0: 3 } },
  })
  expect(lastRequest(server)).toEqual({
    from: 'a',
    to: 'b',
    prefix: 'a',
    windowFrom: '0',
    windowTo: '3600000',
    limit: '7',
  })
  const all = await taken(view.all({ prefix: 'a' }))
  expect(all.map((entry) => entry.key)).toEqual(['first', 'second'])
  expect(lastRequest(server)).toEqual({ prefix: 'a', limit: '1000', cursor: 'second' })
  await view.range({ by: 'time', reverse: true })
  expect(lastRequest(server)).toEqual({ by: 'time', reverse: 'true' })
})

test("a key's windows are walked to the end, and no further than they are taken", async () => {
  const server = new ScriptedServer()
  let pages = 0
  server.respond('/views/delays/windows', () => {
    const window = { start: pages * HOUR, end: (pages + 1) * HOUR }
    pages++
    return Response.json({ entries: [{ key: 'ATL', window, value: pages }], next: `${pages}`, position: '' })
  })
  const view = client(server).windowedView<string, number>('delays')
  for await (const entry of view.windows('ATL')) if (entry.value === 3) break
  expect(pages).toBe(3)
  expect(lastRequest(server)).toEqual({ key: 'ATL', limit: '1000', cursor: '2' })
})

test('the client returns the list of views and the status', async () => {
  const server = new ScriptedServer()
  server.answer('/status', { job: 'flights', phase: 'running', atMs: 1, tasks: [] })
  const requests = client(server)
  expect(await requests.views()).toMatchObject([
    { name: 'delays', shape: 'window', windowMs: HOUR, position: { flights: { 0: 3 } } },
    { name: 'totals', shape: 'key', windowMs: null },
  ])
  expect(await requests.status()).toMatchObject({ phase: 'running' })
})

test('a slash at the end of the URL and a path before the API do no harm', async () => {
  const server = new ScriptedServer()
  server.answer('/jobs/flights/status', { job: 'flights', phase: 'running', atMs: 1, tasks: [] })
  await client(server, `${URL_BASE}/jobs/flights/`).status()
  expect(server.requests.at(-1)?.pathname).toBe('/jobs/flights/status')
})

test.each([
  ['BAD_REQUEST', 400, RefusedError],
  ['POSITION_NOT_REACHED', 504, RetriableError],
  ['QUERY_FAILED', 500, RefusedError],
])("the server's error %s arrives with its class, code and message", async (code, status, type) => {
  const server = new ScriptedServer()
  server.answer('/views/totals/value', { code, message: 'what and why' }, status)
  const error = await client(server)
    .view('totals')
    .get('ATL')
    .catch((caught) => caught)
  expect(error).toBeInstanceOf(type)
  expect(error).toMatchObject({ code, message: 'what and why' })
})

test('a view that the job does not have is refused, with those that it has', async () => {
  const read = client(new ScriptedServer()).view('nothing').get('ATL')
  await expect(read).rejects.toMatchObject({ code: 'VIEW_MISSING', message: expect.stringContaining('delays, totals') })
})

test('a server that cannot be reached is named, and the next call connects again', async () => {
  const server = new ScriptedServer()
  const view = client(server).view('totals')
  server.stop('/views')
  await expect(view.get('ATL')).rejects.toMatchObject({
    code: 'SERVER_UNREACHABLE',
    message: expect.stringContaining(URL_BASE),
  })
  server.answer('/views', { views: [described('totals', null)] })
  server.answer('/views/totals/value', { key: 'ATL', value: 1, position: '' })
  expect(await view.get('ATL')).toBe(1)
})

test.each([
  ['a web page', () => new Response('<html>'), 'BAD_ANSWER'],
  ['an unknown error', () => Response.json({ code: 'ODD', message: 'x' }, { status: 400 }), 'BAD_ANSWER'],
  ['a web page that says no', () => new Response('<html>', { status: 404 }), 'BAD_ANSWER'],
  ['a gateway', () => new Response('<html>', { status: 502 }), 'SERVER_UNREACHABLE'],
  ['JSON of another kind', () => Response.json([1]), 'BAD_ANSWER'],
  ['an entry without a position', () => Response.json({ key: 'a', value: 1 }), 'BAD_ANSWER'],
  ['null', () => Response.json(null), 'BAD_ANSWER'],
])('%s instead of an answer is refused with the right code', async (_what, response, code) => {
  const server = new ScriptedServer()
  server.respond('/views/totals/value', response)
  await expect(client(server).view('totals').get('ATL')).rejects.toMatchObject({ code })
})

test('a read that the caller aborts rejects with an AbortError', async () => {
  const server = new ScriptedServer()
  const stop = new AbortController()
  server.respond('/views/totals/value', () => {
    stop.abort()
    throw stop.signal.reason
  })
  const read = client(server).view('totals').get('ATL', { signal: stop.signal })
  await expect(read).rejects.toMatchObject({ name: 'AbortError' })
})
