import { connect } from 'node:net'
import { expect, test, vi } from 'vitest'
import { getJson } from '../http/testing/http.ts'
import { STREAM_BUFFER_BYTES_MAX, STREAMS_MAX } from './limits.ts'
import { follow } from './testing/follow.ts'
import { HOUR, serve } from './testing/served.ts'

test('a follower gets its start position, then every change; the last change of a commit carries the position', async () => {
  await using served = await serve()
  served.delays.commit(0, { flights: { 0: 5 } }, [])
  const followed = await follow(`${served.url}/views/delays/changes`)
  await followed.until('\n\n')
  expect(followed.text()).toBe('event: position\nid: 1.id.0-1-7.1-0\ndata: {"position":"flights/0=5,flights/1=0"}\n\n')
  const window = { start: 0, end: HOUR }
  served.delays.commit(1, { flights: { 1: 9 } }, [
    { key: 'ATL', window, value: { minutes: 3 } },
    { key: 'line\nbreak', window, value: null },
  ])
  await followed.until('null}\n\n')
  expect(followed.text()).toContain(
    '\n\nevent: change\ndata: {"key":"ATL","window":{"start":0,"end":3600000},"value":{"minutes":3}}\n\n' +
      'event: change\nid: 1.id.0-1-7.1-3-n\n' +
      'data: {"position":"flights/0=5,flights/1=9","key":"line\\nbreak","window":{"start":0,"end":3600000},"value":null}\n\n',
  )
})

const LAST_OF_TWO =
  'event: change\nid: 1.id.0-6-19.1-0\ndata: {"position":"flights/0=2,flights/1=0","key":"ATL","value":3}'

test('a follower of one key, and of a prefix, gets the changes of these keys, each commit with its position', async () => {
  await using served = await serve()
  const key = await follow(`${served.url}/views/totals/changes?key=ATL`)
  const prefix = await follow(`${served.url}/views/totals/changes?prefix=A`)
  const all = await follow(`${served.url}/views/totals/changes`)
  served.totals.commit(0, { flights: { 0: 1 } }, [{ key: 'BOS', value: 1 }])
  served.totals.commit(0, { flights: { 0: 2 } }, [
    { key: 'AUS', value: 2 },
    { key: 'ATL', value: 3 },
    { key: 'BOS', value: 4 },
  ])
  await all.until('"value":4}\n\n')
  const changes = ({ text }: { text: () => string }) => text().split('\n\n').slice(1, -1)
  expect(changes(key)).toEqual([LAST_OF_TWO])
  expect(changes(prefix)).toEqual(['event: change\ndata: {"key":"AUS","value":2}', LAST_OF_TWO])
  expect(changes(all)).toHaveLength(4)
})

test('a follower of one key of a view with windows gets all windows of the key', async () => {
  await using served = await serve()
  const followed = await follow(`${served.url}/views/delays/changes?key=ATL`)
  const at = (start: number) => ({ key: 'ATL', window: { start, end: start + HOUR }, value: { minutes: start } })
  served.delays.commit(0, { flights: { 0: 1 } }, [at(0), { ...at(0), key: 'BOS' }, at(HOUR)])
  await followed.until(`"value":{"minutes":${HOUR}}}\n\n`)
  expect(followed.text().match(/event: change/g)).toHaveLength(2)
})

test.each([
  ['key=ATL&prefix=A', 'prefix'],
  ['key=ATL&key=BOS', 'key'],
])('the changes with %s are rejected', async (query, parameter) => {
  await using served = await serve()
  expect(await getJson(`${served.url}/views/totals/changes?${query}`)).toMatchObject({
    status: 400,
    body: { code: 'BAD_REQUEST', message: expect.stringContaining(parameter) },
  })
})

test('hundreds of followers, each of one key, get the changes of their keys', async () => {
  await using served = await serve()
  const keys = Array.from({ length: 300 }, (_, number) => `key-${number}`)
  const all = await Promise.all(keys.map((key) => follow(`${served.url}/views/totals/changes?key=${key}`)))
  const changes = keys.map((key, value) => ({ key, value }))
  served.totals.commit(0, { flights: { 0: 1 } }, changes)
  for (const [number, followed] of all.entries()) {
    await followed.until(`"key":"key-${number}","value":${number}}\n\n`)
    expect(followed.text().match(/event: change/g)).toHaveLength(1)
    followed.stop()
  }
  await vi.waitUntil(() => !served.totals.followed)
})

test('a follower of one key that does not read is cut off after 16 KiB', async () => {
  await using served = await serve()
  const slow = connect(Number(new URL(served.url).port), '127.0.0.1')
  const cut = new Promise<void>((resolve) => slow.once('close', () => resolve()))
  slow.on('error', () => {})
  slow.write('GET /views/totals/changes?key=ATL HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await new Promise((resolve) => slow.once('readable', resolve))
  const value = 'x'.repeat(64 * 1024)
  // The buffers of the kernel take some MiB before anything waits.
  for (let commits = 0; served.totals.followed && commits < 1000; commits++) {
    served.totals.commit(0, { flights: { 0: commits } }, [{ key: 'ATL', value }])
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(served.totals.followed).toBe(false)
  slow.resume()
  await cut
})

test('without followers nothing is encoded, and the last follower that leaves ends the encoding', async () => {
  await using served = await serve()
  expect(served.totals.followed).toBe(false)
  const first = await follow(`${served.url}/views/totals/changes`)
  const second = await follow(`${served.url}/views/totals/changes`)
  expect(served.totals.followed).toBe(true)
  first.stop()
  await first.ended
  served.totals.commit(0, {}, [{ key: 'ATL', value: 1 }])
  await second.until('"value":1}\n\n')
  second.stop()
  await vi.waitUntil(() => !served.totals.followed)
})

test('a stream without changes gets a heartbeat every 15 s', async () => {
  await using served = await serve()
  const followed = await follow(`${served.url}/views/totals/changes`)
  await followed.until('\n\n')
  for (let beats = 1; beats <= 2; beats++) {
    served.timers.advance(15_000)
    await vi.waitUntil(() => followed.text().split(':\n\n').length === beats + 1)
  }
})

test('the sign of life of a follower of one key has the id of what was committed for others meanwhile', async () => {
  await using served = await serve()
  const followed = await follow(`${served.url}/views/totals/changes?key=ATL`)
  await followed.until('\n\n')
  served.totals.commit(0, { flights: { 0: 3 } }, [{ key: 'BOS', value: 1 }])
  served.timers.advance(15_000)
  await followed.until('event: reached\nid: 1.id.0-2-f.1-0\ndata: {"position":"flights/0=3,flights/1=0"}\n\n')
  served.timers.advance(15_000)
  await followed.until('}\n\n:\n\n')
  expect(followed.text()).not.toContain('event: change')
})

test('a follower that does not read is cut off, and the others get everything', async () => {
  await using served = await serve()
  const reader = await follow(`${served.url}/views/totals/changes`)
  const slow = connect(Number(new URL(served.url).port), '127.0.0.1')
  const cut = new Promise<void>((resolve) => slow.once('close', () => resolve()))
  slow.on('error', () => {})
  slow.write('GET /views/totals/changes HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await new Promise((resolve) => slow.once('readable', resolve))
  const value = 'x'.repeat(1024 * 1024)
  let commits = 0
  // More than the server holds for the client; the kernel's buffers take some more.
  while (commits * value.length < STREAM_BUFFER_BYTES_MAX + 32 * 1024 * 1024) {
    commits++
    served.totals.commit(0, { flights: { 0: commits } }, [{ key: 'ATL', value }])
    await vi.waitUntil(() => reader.text().length > commits * value.length, { interval: 1 })
  }
  slow.resume()
  await cut
  expect(served.totals.followed).toBe(true)
  served.totals.commit(0, {}, [{ key: 'ATL', value: 'last' }])
  await reader.until('"last"}\n\n')
  expect(reader.text().match(/event: change/g)).toHaveLength(commits + 1)
})

test('a follower that breaks off in the middle leaves nothing behind', async () => {
  await using served = await serve()
  const socket = connect(Number(new URL(served.url).port), '127.0.0.1')
  socket.write('GET /views/totals/changes HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await vi.waitUntil(() => served.totals.followed)
  socket.resetAndDestroy()
  served.totals.commit(0, {}, [{ key: 'ATL', value: 'x'.repeat(1024 * 1024) }])
  await vi.waitUntil(() => !served.totals.followed)
  expect(served.timers.waiting).toBe(0)
})

test('when a task stops the stream ends, so that no client takes it for complete', async () => {
  await using served = await serve()
  const followed = await follow(`${served.url}/views/totals/changes`)
  served.totals.parts[1]?.stop()
  await followed.ended
  expect(served.totals.followed).toBe(false)
})

test('a follower of the parts of one process gets their numbers, and its stream ends when another part comes', async () => {
  await using served = await serve()
  const all = served.totals.parts
  served.totals.parts = all.slice(1)
  const first = await follow(`${served.url}/views/totals/changes?parts=here`)
  await first.until('\n\n')
  expect(first.text()).toContain('"parts":[1]')
  served.totals.commit(1, { flights: { 1: 3 } }, [{ key: 'ATL', value: 1 }])
  await first.until('"value":1}\n\n')
  served.totals.parts = all
  const second = await follow(`${served.url}/views/totals/changes?parts=here`)
  await first.ended
  await second.until('\n\n')
  expect(second.text()).toContain('"parts":[0,1]')
  served.totals.commit(0, { flights: { 0: 9 } }, [{ key: 'BOS', value: 2 }])
  await second.until('"value":2}\n\n')
  second.stop()
  await vi.waitUntil(() => !served.totals.followed)
})

test('a value that cannot be encoded ends the stream with the reason, and the task continues', async () => {
  await using served = await serve()
  const followed = await follow(`${served.url}/views/totals/changes`)
  served.totals.commit(0, {}, [{ key: 'ATL', value: 1n }])
  await followed.ended
  expect(followed.text()).toContain('event: error\ndata: {"code":"QUERY_FAILED"')
  expect(served.totals.followed).toBe(false)
})

test('closing the server ends the streams', async () => {
  const served = await serve()
  const followed = await follow(`${served.url}/views/totals/changes`)
  await served.server.close()
  await followed.ended
  expect(served.totals.followed).toBe(false)
  expect(served.timers.waiting).toBe(0)
})

test('only a limited number of clients may follow, and one that leaves makes room for another', async () => {
  await using served = await serve()
  const url = `${served.url}/views/totals/changes`
  const all = await Promise.all(Array.from({ length: STREAMS_MAX }, () => follow(url)))
  expect((await getJson(url)).body).toMatchObject({ code: 'TOO_MANY_STREAMS' })
  all[0]?.stop()
  await vi.waitFor(async () => (await follow(url)).stop())
  for (const followed of all) followed.stop()
})
