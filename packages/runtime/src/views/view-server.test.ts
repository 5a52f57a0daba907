import { connect } from 'node:net'
import { json, string } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { expect, test, vi } from 'vitest'
import { URL_BYTES_MAX } from '../http/limits.ts'
import { getJson, rawExchange } from '../http/testing/http.ts'
import { MemoryView } from './testing/memory-view.ts'
import { HOUR, STATUS, serve } from './testing/served.ts'
import { startViewServer } from './view-server.ts'

test('the list of views reports what each view is, and which position it reflects', async () => {
  await using served = await serve()
  served.delays.commit(1, { flights: { 1: 40 } }, [])
  const { status, body } = await getJson(`${served.url}/views`)
  expect(status).toBe(200)
  expect(body.job).toBe('flight-delays')
  expect(body.views).toContainEqual({
    name: 'delays',
    key: 'string',
    value: 'json',
    shape: 'window',
    windowMs: HOUR,
    partitions: 2,
    parts: [0, 1],
    position: 'flights/0=0,flights/1=40',
    completeFrom: null,
  })
})

test('the status is what the container reports', async () => {
  await using served = await serve()
  expect((await getJson(`${served.url}/status`)).body).toEqual(STATUS)
})

test('a value is answered with the position that it reflects, in body and header', async () => {
  await using served = await serve()
  served.totals.commit(0, { flights: { 0: 7 } }, [{ key: 'ATL', value: { flights: 3 } }])
  const { status, headers, body } = await getJson(`${served.url}/views/totals/value?key=ATL`)
  expect(status).toBe(200)
  expect(body).toEqual({ key: 'ATL', value: { flights: 3 }, position: 'flights/0=7' })
  expect(headers.get('millrace-position')).toBe('flights/0=7')
  expect(headers.get('cache-control')).toBe('no-store')
})

test.each(['', '..', 'a/b', 'a b', 'a+b', 'é𝄞', '%41', '"ATL"', '1', '?&=#'])(
  'any text is a string key: %j',
  async (key) => {
    await using served = await serve()
    served.totals.commit(0, {}, [{ key, value: 1 }])
    const { body } = await getJson(`${served.url}/views/totals/value?${new URLSearchParams({ key })}`)
    expect(body).toMatchObject({ key, value: 1 })
  },
)

test('a value in a window is answered with the window', async () => {
  await using served = await serve()
  const window = { start: -HOUR, end: 0 }
  served.delays.commit(0, {}, [{ key: 'ATL', window, value: 5 }])
  const { body } = await getJson(`${served.url}/views/delays/value?key=ATL&window=${-HOUR}`)
  expect(body).toEqual({ key: 'ATL', window, value: 5, position: '' })
})

test('a position that is too long for a header is in the body only', async () => {
  await using served = await serve()
  const offsets = (partitions: number) =>
    Object.fromEntries(Array.from({ length: partitions }, (_, each) => [each, 1e9]))
  for (const [partitions, hasHeader] of [
    [100, true],
    [1000, false],
  ] as const) {
    served.totals.commit(0, { flights: offsets(partitions) }, [{ key: 'ATL', value: 1 }])
    const { headers, body } = await getJson(`${served.url}/views/totals/value?key=ATL`)
    expect(String(body.position).split(',')).toHaveLength(partitions)
    expect(headers.has('millrace-position')).toBe(hasHeader)
  }
})

test('a page has 100 entries unless the request says otherwise', async () => {
  await using served = await serve()
  const rows = Array.from({ length: 101 }, (_, row) => ({ key: `${row}`, value: row }))
  served.totals.commit(0, {}, rows)
  const { body } = await getJson(`${served.url}/views/totals/entries`)
  expect(body.entries).toHaveLength(100)
  expect((await getJson(`${served.url}/views/totals/entries?cursor=${body.next}`)).body.entries).toHaveLength(1)
})

test('a missing key is 404, and reports what it was looked for in', async () => {
  await using served = await serve()
  served.totals.commit(1, { flights: { 1: 9 } }, [])
  const { status, body } = await getJson(`${served.url}/views/totals/value?key=ATL`)
  expect(status).toBe(404)
  expect(body).toMatchObject({ code: 'VALUE_MISSING', position: 'flights/0=0,flights/1=9' })
  expect(body.message).toContain('"ATL"')
})

test("a key's windows come page by page, in order", async () => {
  await using served = await serve()
  for (let hour = 0; hour < 5; hour++) {
    const window = { start: hour * HOUR, end: (hour + 1) * HOUR }
    served.delays.commit(hour % 2, {}, [
      { key: 'ATL', window, value: hour },
      { key: 'ATLANTIC', window, value: -1 },
    ])
  }
  const url = `${served.url}/views/delays/windows?key=ATL&windowFrom=${HOUR}&limit=3`
  const first = await getJson(url)
  expect(first.body.entries).toMatchObject([{ value: 1 }, { value: 2 }, { value: 3 }])
  const second = await getJson(`${url}&cursor=${first.body.next}`)
  expect(second.body).toMatchObject({ entries: [{ key: 'ATL', value: 4 }], next: null })
})

test('entries come by window over all keys, and a cursor is valid for its order alone', async () => {
  await using served = await serve()
  const hour = (n: number) => ({ start: n * HOUR, end: (n + 1) * HOUR })
  served.delays.commit(0, { flights: { 0: 1 } }, [
    { key: 'ATL', window: hour(2), value: 3 },
    { key: 'BWI', window: hour(1), value: 1 },
  ])
  served.delays.commit(1, { flights: { 1: 1 } }, [{ key: 'ATL', window: hour(1), value: 2 }])
  const request = async (query: string) => (await getJson(`${served.url}/views/delays/entries?${query}`)).body
  const first = await request('by=time&reverse=true&limit=1')
  expect(first.entries).toMatchObject([{ key: 'ATL', window: hour(2) }])
  const rest = await request(`by=time&reverse=true&cursor=${first.next}`)
  expect(rest.entries).toMatchObject([
    { key: 'BWI', window: hour(1) },
    { key: 'ATL', window: hour(1) },
  ])
  expect(await request(`cursor=${first.next}`)).toMatchObject({ code: 'BAD_REQUEST' })
})

test('entries are found between keys and by prefix', async () => {
  await using served = await serve()
  const keys = ['ABE', 'ABI', 'ATL', 'BOS']
  served.totals.commit(
    0,
    {},
    keys.map((key) => ({ key, value: key.length })),
  )
  const found = async (query: string) => {
    const { body } = await getJson(`${served.url}/views/totals/entries?${query}`)
    return JSON.stringify(body.entries).match(/[A-Z]{3}/g)
  }
  expect(await found('')).toEqual(keys)
  expect(await found('from=ABI&to=BOS')).toEqual(['ABI', 'ATL'])
  expect(await found('prefix=AB')).toEqual(['ABE', 'ABI'])
})

test('a query that requests a position waits until the view reflects it', async () => {
  await using served = await serve()
  const answer = getJson(`${served.url}/views/totals/value?key=ATL&after=flights/1=2`)
  await vi.waitUntil(() => served.totals.parts[1]?.positions.observed)
  served.totals.commit(0, { flights: { 0: 100 } }, [])
  served.totals.commit(1, { flights: { 1: 1 } }, [{ key: 'ATL', value: 'early' }])
  served.totals.commit(1, { flights: { 1: 2 } }, [{ key: 'ATL', value: 'awaited' }])
  expect((await answer).body).toEqual({ key: 'ATL', value: 'awaited', position: 'flights/1=2' })
  expect(served.timers.waiting).toBe(0)
})

test('a position that is not reached in time is 504 with what is reflected now', async () => {
  await using served = await serve()
  for (const [path, timeoutMs] of [
    ['value?key=ATL', 5000],
    ['entries?timeout=70', 70],
  ] as const) {
    const join = path.includes('?') ? '&' : '?'
    const answer = getJson(`${served.url}/views/totals/${path}${join}after=flights/1=2`)
    await vi.waitUntil(() => served.timers.waiting === 1)
    served.timers.advance(timeoutMs - 1)
    expect(served.timers.waiting).toBe(1)
    served.timers.advance(1)
    const { status, body } = await answer
    expect(status).toBe(504)
    expect(body).toMatchObject({ code: 'POSITION_NOT_REACHED', position: 'flights/0=0,flights/1=0' })
  }
})

test('a wait ends when its client goes', async () => {
  await using served = await serve()
  const gone = new AbortController()
  const answer = fetch(`${served.url}/views/totals/value?key=ATL&after=flights/1=2`, { signal: gone.signal })
  await vi.waitUntil(() => served.timers.waiting === 1)
  gone.abort()
  await expect(answer).rejects.toThrow()
  await vi.waitUntil(() => served.timers.waiting === 0)
})

test('a view with parts in other processes answers only from the parts that it has', async () => {
  await using served = await serve()
  served.totals.commit(0, {}, [{ key: 'here', value: 1 }])
  served.totals.parts = served.totals.parts.slice(0, 1)
  const status = async (path: string) => {
    const answer = await getJson(`${served.url}/views/totals/${path}`)
    return [answer.status, answer.body.code]
  }
  expect(await status('value?key=here')).toEqual([200, undefined])
  expect(await status('value?key=elsewhere')).toEqual([503, 'VIEW_INCOMPLETE'])
  expect(await status('entries')).toEqual([503, 'VIEW_INCOMPLETE'])
  expect(await status('changes')).toEqual([503, 'VIEW_INCOMPLETE'])
})

test('a process that has some parts of a view answers from them on request, and reports which they are', async () => {
  await using served = await serve()
  served.delays.commit(1, {}, [{ key: 'here', window: { start: 0, end: HOUR }, value: 1 }])
  served.delays.parts = served.delays.parts.slice(1)
  for (const path of ['entries?parts=here', 'windows?key=here&parts=here']) {
    const { body } = await getJson(`${served.url}/views/delays/${path}`)
    expect(body).toMatchObject({ entries: [{ key: 'here', value: 1 }], parts: [1], next: null })
  }
  const { status, body } = await getJson(`${served.url}/views/delays/entries?parts=1`)
  expect([status, body.code]).toEqual([400, 'BAD_REQUEST'])
})

test('a store that fails is reported in the answer, and the server continues', async () => {
  await using served = await serve()
  const [part] = served.totals.parts
  if (part !== undefined) part.store.get = () => Promise.reject(new Error('database is not open'))
  const { status, body } = await getJson(`${served.url}/views/totals/value?key=ATL`)
  expect(status).toBe(500)
  expect(body).toMatchObject({ code: 'QUERY_FAILED', message: expect.stringContaining('database is not open') })
  expect((await getJson(`${served.url}/status`)).status).toBe(200)
})

test.each([
  ['/', 404, 'PATH_MISSING', '/views'],
  ['/views/', 404, 'PATH_MISSING', '/views'],
  ['/views/nothing/value?key=a', 404, 'VIEW_MISSING', 'delays, routes, totals'],
  ['/views/totals/value', 400, 'BAD_REQUEST', 'Parameter key is missing'],
  ['/views/totals/value?key=a&key=b', 400, 'BAD_REQUEST', 'Parameter key is given twice'],
  ['/views/totals/value?kye=a', 400, 'BAD_REQUEST', 'Parameter kye is unknown'],
  ['/views/totals/value?key=%FF', 400, 'BAD_REQUEST', 'Parameter key '],
  ['/views/totals/value?key=%E0%A4%A', 400, 'BAD_REQUEST', 'Parameter key '],
  ['/views/totals/value?key=a&window=0', 400, 'BAD_REQUEST', 'Parameter window '],
  ['/views/delays/value?key=a', 400, 'BAD_REQUEST', 'Parameter window is missing'],
  [
    '/views/delays/value?key=a&window=1h',
    400,
    'BAD_REQUEST',
    'Parameter window must be a time in ms since the epoch, not "1h"',
  ],
  [
    '/views/delays/value?key=a&window=',
    400,
    'BAD_REQUEST',
    'Parameter window must be a time in ms since the epoch, not ""',
  ],
  ['/views/delays/value?key=a&window=9007199254740993', 400, 'BAD_REQUEST', 'Parameter window '],
  ['/views/routes/value?key=ATL', 400, 'BAD_REQUEST', 'not a key of view routes (int32)'],
  ['/views/routes/value?key={', 400, 'BAD_REQUEST', 'Parameter key '],
  ['/views/routes/value?key=2147483648', 400, 'BAD_REQUEST', 'Parameter key '],
  ['/views/routes/entries?from=x', 400, 'BAD_REQUEST', 'Parameter from '],
  ['/views/routes/entries?prefix=1', 400, 'BAD_REQUEST', 'Parameter prefix '],
  ['/views/totals/entries?limit=0', 400, 'BAD_REQUEST', 'Parameter limit '],
  ['/views/totals/entries?limit=1001', 400, 'BAD_REQUEST', 'Parameter limit '],
  ['/views/totals/entries?limit=1e2', 400, 'BAD_REQUEST', 'Parameter limit '],
  ['/views/totals/entries?windowFrom=0', 400, 'BAD_REQUEST', 'windows'],
  ['/views/totals/entries?by=time', 400, 'BAD_REQUEST', 'windows'],
  ['/views/totals/entries?by=order', 400, 'BAD_REQUEST', 'Parameter by cannot be "order"'],
  ['/views/delays/entries?by=x', 400, 'BAD_REQUEST', 'Parameter by must be key, time or order'],
  ['/views/totals/entries?cursor=AAAA', 400, 'BAD_REQUEST', 'Parameter cursor '],
  ['/views/totals/windows?key=a', 400, 'BAD_REQUEST', 'windows'],
  ['/views/delays/windows', 400, 'BAD_REQUEST', 'Parameter key is missing'],
  ['/views/totals/entries?timeout=30001', 400, 'BAD_REQUEST', 'Parameter timeout '],
  ['/views/totals/entries?after=flights', 400, 'BAD_POSITION', 'flights'],
  ['/views/totals/entries?after=flights/2=1', 400, 'BAD_POSITION', 'flights/2'],
  ['/views/totals/changes?from=a', 400, 'BAD_REQUEST', 'Parameter from '],
  ['/status?x=1', 400, 'BAD_REQUEST', 'Parameter x '],
  [`/views?${'x'.repeat(URL_BYTES_MAX)}`, 400, 'BAD_REQUEST', 'bytes'],
])('%s is refused by name', async (path, status, code, expected) => {
  await using served = await serve()
  const answer = await getJson(`${served.url}${path}`)
  expect(answer.status).toBe(status)
  expect(answer.body).toEqual({ code, message: expect.stringContaining(expected) })
  expect(answer.headers.get('content-type')).toContain('application/json')
})

test.each(['0.0.0.0', '::', '10.0.0.1', 'example.com', '128.0.0.1', '127.0.0.1.evil.example', ''])(
  'listening on %j is refused',
  async (host) => {
    const options = { job: 'a', views: [], status: () => STATUS, env: nodeEnv(), host, token: null }
    await expect(startViewServer(options)).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' })
  },
)

test('a port in use is named, with what to do', async () => {
  await using served = await serve()
  const port = Number(new URL(served.url).port)
  const options = { job: 'a', views: [], status: () => STATUS, env: nodeEnv(), port, token: null }
  await expect(startViewServer(options)).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: expect.stringMatching(new RegExp(`^Port ${port} .*hoose another port`)),
  })
})

test('closing ends waits and idle connections, and frees the port', async () => {
  const served = await serve()
  const waiting = getJson(`${served.url}/views/totals/value?key=ATL&after=flights/1=2`)
  await vi.waitUntil(() => served.timers.waiting === 1)
  await served.server.close()
  expect((await waiting).body).toMatchObject({ code: 'SERVER_CLOSING' })
  await served.server.close()
  const port = Number(new URL(served.url).port)
  const again = await startViewServer({ job: 'a', views: [], status: () => STATUS, env: nodeEnv(), port, token: null })
  await again.close()
})

test('closing does not wait for connections that were opened ahead of requests', async () => {
  const served = await serve()
  const opened = rawExchange(served.url, '')
  // Accepted after the other connection, so that one is accepted too.
  await getJson(`${served.url}/status`)
  await served.server.close()
  expect(await opened).toBe('')
})

test('closing waits for a client that does not take its answer, but only for a limited time', async () => {
  const served = await serve()
  served.totals.commit(0, {}, [{ key: 'ATL', value: 'x'.repeat(32 * 1024 * 1024) }])
  const socket = connect(Number(new URL(served.url).port), '127.0.0.1')
  socket.write('GET /views/totals/value?key=ATL HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await new Promise((resolve) => socket.once('readable', resolve))
  let isClosed = false
  const closed = served.server.close().then(() => {
    isClosed = true
  })
  expect((await getJson(`${served.url}/status`)).body).toMatchObject({ code: 'SERVER_CLOSING' })
  expect(isClosed).toBe(false)
  served.timers.advance(1000)
  await closed
  socket.destroy()
})

test('every answer of a view that does not count from the start of its inputs states the position from which it counts', async () => {
  const view = new MemoryView({
    name: 'late',
    key: string(),
    value: json(),
    windowMs: HOUR,
    positions: [{ flights: { 0: 9 } }],
    completeFrom: { flights: { 0: 7 } },
  })
  view.commit(0, { flights: { 0: 9 } }, [{ key: 'ATL', window: { start: 0, end: HOUR }, value: 1 }])
  const server = await startViewServer({ job: 'job', views: [view], status: () => STATUS, env: nodeEnv(), token: null })
  try {
    const bodies = await Promise.all(
      ['value?key=ATL&window=0', 'value?key=BOS&window=0', 'windows?key=ATL', 'entries'].map(
        async (path) => (await getJson(`${server.url}/views/late/${path}`)).body,
      ),
    )
    expect(bodies.map((body) => body.completeFrom)).toEqual(Array(4).fill('flights/0=7'))
    const { body } = await getJson(`${server.url}/views`)
    expect(body.views).toMatchObject([{ completeFrom: 'flights/0=7' }])
  } finally {
    await server.close()
  }
})

test('while a job starts, its views are not missing but incomplete, so that a client which comes back tries again', async () => {
  const status = () => ({ ...STATUS, phase: 'restoring' as const })
  const server = await startViewServer({ job: STATUS.job, views: [], status, env: nodeEnv(), token: null })
  for (const path of ['value?key=a', 'entries', 'changes']) {
    expect(await getJson(`${server.url}/views/totals/${path}`)).toMatchObject({
      status: 503,
      body: { code: 'VIEW_INCOMPLETE', message: expect.stringContaining('starting') },
    })
  }
  await server.close()
})
