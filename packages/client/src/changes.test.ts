import { formatPosition, type Position } from '@millrace/core'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { MillraceClient } from './millrace-client.ts'
import { ScriptedServer, type ScriptedStream } from './testing/scripted-server.ts'

const CHANGES = '/views/totals/changes'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function serve(): ScriptedServer {
  const server = new ScriptedServer()
  const view = {
    name: 'totals',
    key: 'string',
    value: 'json',
    shape: 'key',
    windowMs: null,
    partitions: 1,
    parts: [0],
    position: '',
  }
  server.answer('/views', { views: [view] })
  server.stream(CHANGES)
  return server
}

/** Follows the view; events, error and completion go into one list. */
function follow(server: ScriptedServer) {
  const events: unknown[] = []
  const client = new MillraceClient('http://127.0.0.1:4711', { fetch: server.fetch })
  const subscription = client
    .view<string, number>('totals')
    .changes()
    .subscribe({
      next: (event) =>
        events.push(event.kind === 'start' ? offset(event) : [event.entry.key, event.entry.value, offset(event)]),
      error: (error) => events.push(error.code),
      complete: () => events.push('complete'),
    })
  return { events, subscription }
}

function offset(event: { position: Position }): string {
  return formatPosition(event.position).replace('flights/0=', '@')
}

function start(stream: ScriptedStream | undefined, at: number, fields: object = {}): void {
  const data = JSON.stringify({ position: `flights/0=${at}`, ...fields })
  stream?.send(`event: position\nid: id-${at}\ndata: ${data}\n\n`)
}

function change(stream: ScriptedStream | undefined, key: string, value: number | null, at?: number): void {
  const id = at === undefined ? '' : `id: id-${at}\n`
  const data = JSON.stringify({ ...(at !== undefined && { position: `flights/0=${at}` }), key, value })
  stream?.send(`event: change\n${id}data: ${data}\n\n`)
}

function reached(stream: ScriptedStream | undefined, at: number): void {
  stream?.send(`event: reached\nid: id-${at}\ndata: {"position":"flights/0=${at}"}\n\n`)
}

/** The ids after which the connections were to continue. */
function resumes({ requests }: ScriptedServer): (string | null)[] {
  return requests.filter(({ pathname }) => pathname === CHANGES).map(({ searchParams }) => searchParams.get('resume'))
}

/** Runs everything that is ready. */
async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0)
}

test('the stream reports the start, then each commit whole', async () => {
  const server = serve()
  const { events } = follow(server)
  await settle()
  start(server.streams[0], 5)
  change(server.streams[0], 'ATL', 1)
  await settle()
  expect(events).toEqual(['@5'])
  change(server.streams[0], 'BOS', null, 7)
  await settle()
  expect(events).toEqual(['@5', ['ATL', 1, '@7'], ['BOS', null, '@7']])
})

test('events may be cut anywhere, also inside a character', async () => {
  const server = serve()
  const { events } = follow(server)
  await settle()
  start(server.streams[0], 5)
  const bytes = new TextEncoder().encode(
    'event: change\nid: id-6\ndata: {"position":"flights/0=6","key":"é𝄞","value":1}\n\n',
  )
  for (const byte of bytes) server.streams[0]?.send(Uint8Array.of(byte))
  await settle()
  expect(events).toEqual(['@5', ['é𝄞', 1, '@6']])
})

test.each(['end', 'break'] as const)('a connection that fails by %s is opened again, and continues', async (how) => {
  const server = serve()
  const { events } = follow(server)
  await settle()
  start(server.streams[0], 5)
  change(server.streams[0], 'half a commit', 1)
  await settle()
  server.streams[0]?.[how]()
  await vi.advanceTimersByTimeAsync(199)
  expect(server.streams).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(resumes(server)).toEqual([null, 'id-5'])
  change(server.streams[1], 'half a commit', 1)
  change(server.streams[1], 'ATL', 1)
  await settle()
  expect(events).toEqual(['@5'])
  reached(server.streams[1], 9)
  change(server.streams[1], 'ATL', 2, 10)
  await settle()
  expect(events).toEqual(['@5', ['half a commit', 1, '@9'], ['ATL', 1, '@9'], ['ATL', 2, '@10']])
  server.streams[1]?.break()
  await vi.advanceTimersByTimeAsync(200)
  expect(resumes(server)).toEqual([null, 'id-5', 'id-10'])
})

test('a follower whose keys do not change continues from where it has come to', async () => {
  const server = serve()
  const { events } = follow(server)
  await settle()
  start(server.streams[0], 5)
  reached(server.streams[0], 50)
  await settle()
  server.streams[0]?.break()
  await vi.advanceTimersByTimeAsync(200)
  expect(resumes(server)).toEqual([null, 'id-50'])
  expect(events).toEqual(['@5'])
})

test('a connection that cannot continue begins again, with the reason', async () => {
  const server = serve()
  const starts: unknown[] = []
  const client = new MillraceClient('http://127.0.0.1:4711', { fetch: server.fetch })
  const changes = client.view<string, number>('totals').changes()
  changes.subscribe((event) => event.kind === 'start' && starts.push(event))
  await settle()
  start(server.streams[0], 5)
  await settle()
  server.streams[0]?.break()
  await vi.advanceTimersByTimeAsync(200)
  start(server.streams[1], 5, { reset: 'behind', completeFrom: 'flights/0=1' })
  await settle()
  const position = { flights: { 0: 5 } }
  expect(starts).toEqual([
    { kind: 'start', position },
    { kind: 'start', position, reset: 'behind', completeFrom: { flights: { 0: 1 } } },
  ])
})

test('retries get rarer, up to a bound, and a connection that works makes them frequent again', async () => {
  const server = serve()
  follow(server)
  await settle()
  start(server.streams[0], 5)
  await settle()
  server.stop(CHANGES)
  server.streams[0]?.break()
  const tries = () => server.requests.filter((url) => url.pathname === CHANGES).length - 1
  await vi.advanceTimersByTimeAsync(200 + 400 + 800)
  expect(tries()).toBe(3)
  await vi.advanceTimersByTimeAsync(60_000)
  const before = tries()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(tries()).toBe(before + 1)
  server.stream(CHANGES)
  await vi.advanceTimersByTimeAsync(10_000)
  start(server.streams[1], 5)
  await settle()
  server.streams[1]?.break()
  await vi.advanceTimersByTimeAsync(200)
  expect(server.streams).toHaveLength(3)
})

test('a silent connection is opened again, and one that shows signs of life is not', async () => {
  const server = serve()
  follow(server)
  await settle()
  start(server.streams[0], 5)
  for (let beat = 0; beat < 8; beat++) {
    await vi.advanceTimersByTimeAsync(15_000)
    server.streams[0]?.send(':\n\n')
  }
  expect(server.streams).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(45_200)
  expect(server.streams).toHaveLength(2)
  expect(server.streams[0]?.aborted).toBe(true)
})

test('unsubscribing closes the connection, and ends the retries', async () => {
  const server = serve()
  const { events, subscription } = follow(server)
  await settle()
  start(server.streams[0], 5)
  await settle()
  subscription.unsubscribe()
  expect(server.streams[0]?.aborted).toBe(true)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(server.streams).toHaveLength(1)
  expect(events).toEqual(['@5'])
})

test('a first connection that fails is an error', async () => {
  const server = serve()
  server.stop(CHANGES)
  const { events } = follow(server)
  await settle()
  expect(events).toEqual(['SERVER_UNREACHABLE'])
})

test.each(['ends', 'says nothing'])('a first connection that %s before its start is an error', async (how) => {
  const server = serve()
  const { events } = follow(server)
  await settle()
  if (how === 'ends') server.streams[0]?.end()
  else await vi.advanceTimersByTimeAsync(45_000)
  await settle()
  expect(events).toEqual(['SERVER_UNREACHABLE'])
})

test('a permanent refusal of the server ends the stream', async () => {
  const server = serve()
  const { events } = follow(server)
  await settle()
  start(server.streams[0], 5)
  await settle()
  server.answer(CHANGES, { code: 'VIEW_MISSING', message: 'gone' }, 404)
  server.streams[0]?.end()
  await vi.advanceTimersByTimeAsync(200)
  expect(events).toEqual(['@5', 'VIEW_MISSING'])
})

test('a temporary refusal of the server is retried', async () => {
  const server = serve()
  const { events } = follow(server)
  await settle()
  start(server.streams[0], 5)
  await settle()
  server.answer(CHANGES, { code: 'VIEW_INCOMPLETE', message: 'being restored' }, 503)
  server.streams[0]?.end()
  await vi.advanceTimersByTimeAsync(200)
  server.stream(CHANGES)
  await vi.advanceTimersByTimeAsync(400)
  start(server.streams[1], 8)
  await settle()
  expect(events).toEqual(['@5', '@8'])
})

test("a fault in the stream is an error with the server's reason", async () => {
  const server = serve()
  const { events } = follow(server)
  await settle()
  start(server.streams[0], 5)
  server.streams[0]?.send('event: error\ndata: {"code":"QUERY_FAILED","message":"no JSON"}\n\n')
  await settle()
  expect(events).toEqual(['@5', 'QUERY_FAILED'])
})

test('an event that never ends is an error before it fills the memory', async () => {
  const server = serve()
  const { events } = follow(server)
  await settle()
  const piece = 'x'.repeat(16 * 1024 * 1024)
  server.streams[0]?.send('data: ')
  for (let piecesSent = 0; piecesSent < 4; piecesSent++) server.streams[0]?.send(piece)
  await settle()
  expect(events).toEqual(['SERVER_UNREACHABLE'])
})
