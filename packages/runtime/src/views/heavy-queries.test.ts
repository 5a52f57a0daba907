import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { nodeEnv } from '@millrace/core/node'
import { expect, onTestFinished, test, vi } from 'vitest'
import { UNANSWERED_REQUESTS_MAX } from '../http/limits.ts'
import { getJson, rawExchange } from '../http/testing/http.ts'
import { WAITS_MAX } from './limits.ts'
import { findPage } from './read-view.ts'
import { ANY_EFFORT } from './testing/any-effort.ts'
import { STATUS, serve } from './testing/served.ts'
import { openStoredView } from './testing/stored-view.ts'
import { startViewServer } from './view-server.ts'

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-heavy-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const MIB = 1024 * 1024
/** Values of 1 MB each: some requests together would read more than the process has memory. */
const VALUES = 60

/** A process with little memory that serves a view `large` of large values. */
async function serveLargeValues(): Promise<string> {
  const directory = temporaryDirectory()
  const stored = await openStoredView('large', directory, 10)
  for (let at = 0; at < VALUES; at += 10) {
    const value = (n: number) => `${at + n} ${'x'.repeat(1_000_000)}`
    await stored.commit(Array.from({ length: 10 }, (_, n) => ({ key: `k${at + n}`, start: 0, value: value(n) })))
  }
  await stored[Symbol.asyncDispose]()
  const script = join(import.meta.dirname, 'testing/serve-large-values.ts')
  const memory = '--max-old-space-size=150'
  const server = spawn(process.execPath, [memory, '--conditions=millrace-source', script, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    const ended = once(server, 'exit')
    server.stdin.end()
    if (server.exitCode === null) await ended
  })
  for await (const line of createInterface(server.stdout)) return line
  throw new Error('the server did not start')
}

test('many clients that read large values at once are answered, or refused with Retry-After, and the process continues', {
  timeout: 60_000,
}, async () => {
  const url = await serveLargeValues()
  const page = async () => {
    const response = await fetch(`${url}/views/large/entries?limit=1000`)
    const text = await response.text()
    expect(text.length).toBeLessThan(6_000_000)
    return [response.status, response.headers.get('retry-after')]
  }
  const answers = await Promise.all(Array.from({ length: 24 }, page))
  for (const answer of answers)
    expect([
      [200, null],
      [503, '1'],
    ]).toContainEqual(answer)
  expect(answers).toContainEqual([200, null])
  // All of them can be read, page by page.
  let [cursor, entries] = ['', 0]
  for (;;) {
    const { body } = await getJson(`${url}/views/large/entries?limit=1000${cursor}`)
    entries += Array.isArray(body.entries) ? body.entries.length : 0
    if (body.next === null) break
    cursor = `&cursor=${body.next}`
  }
  expect(entries).toBe(VALUES)
})

test('clients that do not take their answers lose them, and others are answered again', async () => {
  await using served = await serve()
  // Seven of them are so large that a page has no room, and larger than what the system takes for a client.
  served.totals.commit(0, {}, [{ key: 'ATL', value: 'x'.repeat(7 * MIB) }])
  const port = Number(new URL(served.url).port)
  for (let clients = 1; clients <= 7; clients++) {
    const socket = connect(port, '127.0.0.1').pause()
    onTestFinished(() => void socket.destroy())
    socket.write('GET /views/totals/value?key=ATL HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await vi.waitUntil(() => served.timers.waiting === clients)
  }
  const another = getJson(`${served.url}/views/totals/entries`)
  await vi.waitUntil(() => served.timers.waiting === 8)
  served.timers.advance(5_000)
  const refused = await another
  expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
    503,
    'TOO_MANY_QUERIES',
    '1',
  ])
  expect((await getJson(`${served.url}/status`)).status).toBe(200)
  served.timers.advance(25_000)
  expect((await getJson(`${served.url}/views/totals/entries`)).status).toBe(200)
})

test('a query for windows that no key has looks at a bounded number of entries, and the thread is free in between', {
  timeout: 60_000,
}, async () => {
  const keys = 300_000
  await using stored = await openStoredView('delays', temporaryDirectory(), 10)
  await stored.commit(
    (function* () {
      for (let key = 0; key < keys; key++) yield { key: `key-${key}`, start: key % 100, value: key }
    })(),
  )
  const server = await startViewServer({
    job: 'job',
    views: [stored.view],
    status: () => STATUS,
    env: nodeEnv(),
    token: null,
  })
  onTestFinished(() => server.close())
  let turns = 0
  let counting = true
  const count = () => {
    turns++
    if (counting) setImmediate(count)
  }
  count()
  let [cursor, pages] = ['', 0]
  for (;;) {
    const { body } = await getJson(`${server.url}/views/delays/entries?windowFrom=1000000000000${cursor}`)
    pages++
    expect(body.entries).toEqual([])
    if (body.next === null) break
    cursor = `&cursor=${body.next}`
  }
  counting = false
  expect(pages).toBeGreaterThanOrEqual(15)
  expect(turns).toBeGreaterThan(500)
})

test.each([
  ['value?key=ATL', 16],
  ['entries', 3],
])('queries of %s are read at once while the memory has room for them, and the others wait', async (path, places) => {
  await using served = await serve()
  const answers: (() => void)[] = []
  for (const { store } of served.totals.parts) {
    store.get = () => new Promise((resolve) => answers.push(() => resolve(1)))
    const page = { entries: [], order: [], bytes: 0, next: null }
    store.range = () => new Promise((resolve) => answers.push(() => resolve(page)))
  }
  const pending = Array.from({ length: places + 1 }, () => getJson(`${served.url}/views/totals/${path}`))
  // The waiting query has a timer.
  await vi.waitUntil(() => served.timers.waiting === 1)
  await vi.waitUntil(() => answers.length === places)
  const answering = setInterval(() => answers.shift()?.(), 1)
  onTestFinished(() => clearInterval(answering))
  expect((await Promise.all(pending)).map(({ status }) => status)).toEqual(Array(places + 1).fill(200))
})

test('a page ends after its time, however slow the reading is', async () => {
  await using stored = await openStoredView('delays', temporaryDirectory(), 10)
  const value = 'x'.repeat(1000)
  await stored.commit(Array.from({ length: 900 }, (_, n) => ({ key: `key-${n}`, start: 0, value })))
  const env = nodeEnv()
  let nowMs = 0
  const clock = { ...env.clock, monotonic: () => (nowMs += 400) }
  const slow = { ...env, clock }
  const server = await startViewServer({
    job: 'job',
    views: [stored.view],
    status: () => STATUS,
    env: slow,
    token: null,
  })
  onTestFinished(() => server.close())
  const { body } = await getJson(`${server.url}/views/delays/entries?limit=1000`)
  expect(Array.isArray(body.entries) && body.entries.length).toBeLessThan(100)
  expect(body.next).not.toBeNull()
})

test('a page looks at a bounded number of bytes', async () => {
  await using stored = await openStoredView('delays', temporaryDirectory(), 10)
  const value = 'x'.repeat(MIB)
  await stored.commit(Array.from({ length: 40 }, (_, n) => ({ key: `key-${n}`, start: 0, value })))
  const { value: page } = await findPage(stored.view, { limit: 10, windowFrom: 10 }, ANY_EFFORT)
  expect(page.entries).toEqual([])
  expect(page.next).not.toBeNull()
})

test('a page holds few more bytes than it answers with, and is encoded in steps', async () => {
  await using stored = await openStoredView('delays', temporaryDirectory(), 10)
  const value = 'x'.repeat(MIB)
  await stored.commit(Array.from({ length: 12 }, (_, n) => ({ key: `key-${n}`, start: 0, value })))
  let [bytes, turns] = [0, 0]
  const effort = { ...ANY_EFFORT, holds: (held: number) => (bytes = held), turn: async () => void turns++ }
  const { value: page } = await findPage(stored.view, { limit: 1000 }, effort)
  expect(page.entries).toHaveLength(4)
  expect(bytes).toBeLessThan(5 * MIB)
  expect(turns).toBe(4)
})

test('more requests than may wait for a position are refused with TOO_MANY_QUERIES', async () => {
  await using served = await serve()
  const path = '/views/totals/value?key=ATL&after=flights/1=2'
  // Sent ahead of the answers, on as few connections as possible.
  const requests = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(UNANSWERED_REQUESTS_MAX)
  const connections = WAITS_MAX / UNANSWERED_REQUESTS_MAX
  const waiting = Array.from({ length: connections }, () => rawExchange(served.url, requests))
  await vi.waitUntil(() => served.timers.waiting === WAITS_MAX)
  const { status, body, headers } = await getJson(`${served.url}${path}`)
  expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'TOO_MANY_QUERIES', '1'])
  served.timers.advance(5_000)
  await vi.waitUntil(() => served.timers.waiting === 0)
  expect((await getJson(`${served.url}/views/totals/value?key=ATL`)).status).toBe(404)
  await served.server.close()
  expect((await Promise.all(waiting)).join('').match(/HTTP\/1\.1 504 /g)).toHaveLength(WAITS_MAX)
})
