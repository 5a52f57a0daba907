import { nodeEnv } from '@millrace/core/node'
import { expect, onTestFinished, test } from 'vitest'
import { STATUS } from '../views/testing/served.ts'
import { startViewServer } from '../views/view-server.ts'
import { rawExchange, rawRequest } from './testing/http.ts'
import { TokenFailures } from './token-failures.ts'

/** Failures by a clock that the test moves. */
function failures(): { readonly counts: TokenFailures; move(ms: number): void } {
  let nowMs = 0
  const counts = new TokenFailures({ now: () => 0, monotonic: () => nowMs })
  return {
    counts,
    move: (ms) => {
      nowMs += ms
    },
  }
}

/** How many of so many failures are answered as usual. */
function accepted(counts: TokenFailures, times: number, address: (time: number) => string): number {
  return Array.from({ length: times }, (_, time) => counts.count(address(time))).filter((waitS) => waitS === 0).length
}

test('20 failures of one address in a minute are answered as usual, and then none until the minute is over', () => {
  const { counts, move } = failures()
  expect(accepted(counts, 30, () => '192.0.2.1')).toBe(20)
  expect(counts.count('192.0.2.1')).toBe(60)
  move(59_500)
  expect(counts.count('192.0.2.1')).toBe(1)
  expect(counts.count('192.0.2.2')).toBe(0)
  move(500)
  expect(accepted(counts, 30, () => '192.0.2.1')).toBe(20)
})

test('1000 failures of all addresses in a minute are answered as usual, and nothing is remembered of more', () => {
  const { counts, move } = failures()
  expect(accepted(counts, 100_000, (time) => `198.51.${time >> 8}.${time & 0xff}`)).toBe(1000)
  move(60_000)
  expect(counts.count('203.0.113.1')).toBe(0)
})

test.each([
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::9', 20],
  ['2001:db8:1:2::9', '2001:db8:1:3::9', 40],
  ['::1', '::2', 20],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.2', 40],
  ['192.0.2.1', '192.0.2.2', 40],
])('of 30 failures each of %s and %s, %i are answered as usual', (one, other, answered) => {
  const { counts } = failures()
  expect(accepted(counts, 60, (time) => (time % 2 === 0 ? one : other))).toBe(answered)
})

test('a server answers too many wrong tokens with 429 and closes, and still accepts the right one', async () => {
  const token = 'a-token-of-this-test'
  const options = { job: 'a', views: [], status: () => STATUS, env: nodeEnv(), token }
  const server = await startViewServer(options)
  onTestFinished(() => server.close())
  const send = (headers: Record<string, string>) => rawRequest(`${server.url}/status`, { headers })
  const wrong = { authorization: 'Bearer another-token-than-this' }
  const statuses: number[] = []
  for (let time = 0; time < 25; time++) statuses.push((await send(wrong)).status)
  expect(statuses).toEqual([...Array(20).fill(401), ...Array(5).fill(429)])
  const { headers, body } = await send(wrong)
  expect(Number(headers['retry-after'])).toBeGreaterThan(0)
  expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60)
  expect(JSON.parse(body)).toMatchObject({ code: 'TOO_MANY_FAILURES', message: expect.not.stringContaining(token) })
  const guess = `GET /status HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${wrong.authorization}\r\n\r\n`
  expect((await rawExchange(server.url, guess.repeat(3))).match(/HTTP\/1\.1 429/g)).toHaveLength(1)
  expect((await send({ authorization: `Bearer ${token}` })).status).toBe(200)
  expect((await send({})).status).toBe(401)
})
