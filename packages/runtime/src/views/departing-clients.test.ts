import { connect } from 'node:net'
import { expect, test, vi } from 'vitest'
import { getJson } from '../http/testing/http.ts'
import { HOUR, serve } from './testing/served.ts'

/** What clients request, and after how many bytes of the answer they disconnect; null: before there is an answer. */
const REQUESTS = [
  { path: '/views/totals/value?key=k1', bytes: 1 },
  { path: '/views/totals/value?key=k1', bytes: null },
  { path: '/views/totals/entries?limit=1000', bytes: 70_000 },
  { path: '/views/delays/windows?key=k1', bytes: 100 },
  { path: '/views/totals/value?key=k1&after=flights/1=1000', bytes: null },
  { path: '/views/totals/changes', bytes: 1 },
  { path: '/views/delays/changes', bytes: null },
] as const
const CLIENTS = 300

/** Sends a request, or a part of it, and disconnects after some bytes of the answer; `null`: without waiting for one. */
function queryAndLeave(url: string, request: string, bytesMax: number | null): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => {
      socket.write(request, () => {
        if (bytesMax === null) setImmediate(() => socket.destroy())
      })
    })
    socket.on('data', (chunk) => {
      bytes += chunk.length
      if (bytesMax !== null && bytes >= bytesMax) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve())
  })
}

test('clients that disconnect amid a request or an answer leave nothing behind, and others are answered', async () => {
  await using served = await serve()
  const value = 'x'.repeat(2000)
  for (let n = 0; n < 1000; n++) served.totals.commit(n % 2, {}, [{ key: `k${n}`, value }])
  for (let hour = 0; hour < 100; hour++) {
    const window = { start: hour * HOUR, end: (hour + 1) * HOUR }
    served.delays.commit(hour % 2, {}, [{ key: 'k1', window, value }])
  }
  const clients: Promise<void>[] = []
  for (let client = 0; client < CLIENTS; client++) {
    const { path, bytes } = REQUESTS[client % REQUESTS.length] ?? REQUESTS[0]
    const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`
    if (client % 7 === 0) clients.push(queryAndLeave(served.url, request.slice(0, 1 + ((client * 5) % 40)), null))
    else clients.push(queryAndLeave(served.url, request, bytes))
    // Changes are sent to the followers meanwhile.
    served.totals.commit(client % 2, {}, [{ key: `k${client}`, value: `${client} ${value}` }])
    if (client % 20 === 19) await Promise.all(clients.splice(0))
  }
  await Promise.all(clients)
  await vi.waitUntil(() => !served.totals.followed && !served.delays.followed)
  await vi.waitUntil(() => served.timers.waiting === 0)
  const { status, body } = await getJson(`${served.url}/views/totals/value?key=k999`)
  expect([status, body.value]).toEqual([200, value])
})

test('a client that sends requests ahead of the answers and disconnects leaves nothing behind either', async () => {
  await using served = await serve()
  served.totals.commit(0, {}, [{ key: 'k1', value: 1 }])
  const paths = ['value?key=k1&after=flights/1=1000', 'entries', 'value?key=k1', 'changes', 'entries', 'changes']
  const requests = paths.map((path) => `GET /views/totals/${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
  const socket = connect(Number(new URL(served.url).port), '127.0.0.1')
  socket.on('error', () => {})
  socket.write(requests.join(''))
  await vi.waitUntil(() => served.totals.followed)
  await vi.waitUntil(() => served.timers.waiting === 6)
  socket.destroy()
  await vi.waitUntil(() => !served.totals.followed && served.timers.waiting === 0)
})
