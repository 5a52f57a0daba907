import { expect, test } from 'vitest'
import { HEADER_BYTES_MAX } from './limits.ts'
import { rawExchange, rawRequest } from './testing/http.ts'
import { serve } from './testing/served.ts'

test.each(['evil.example', 'evil.example:80', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1'])(
  'a request for the host %j is refused, whatever it asks',
  async (host) => {
    await using served = await serve()
    const { status, body, headers } = await rawRequest(`${served.url}/status`, { headers: { host } })
    expect([status, JSON.parse(body).code]).toEqual([403, 'HOST_REFUSED'])
    expect(headers['access-control-allow-origin']).toBeUndefined()
  },
)

test.each(['GET /status HTTP/1.1\r\nHost:\r\n', 'GET /status HTTP/1.1\r\n', 'GET /status HTTP/1.0\r\n'])(
  'a request without a host is refused: %j',
  async (head) => {
    await using served = await serve()
    expect(await rawExchange(served.url, `${head}Connection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 40[03] /)
  },
)

test.each(['localhost', 'LOCALHOST:1', '127.0.0.1', '127.0.0.1:8080', '[::1]', '[::1]:99'])(
  'this machine may be called %s',
  async (host) => {
    await using served = await serve()
    expect((await rawRequest(`${served.url}/status`, { headers: { host } })).status).toBe(200)
  },
)

test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s is refused', async (method) => {
  await using served = await serve()
  const { status, headers, body } = await rawRequest(`${served.url}/views`, { method })
  expect(status).toBe(405)
  expect(JSON.parse(body)).toMatchObject({ code: 'METHOD_REFUSED' })
  expect(headers.allow).toBe('GET, HEAD')
  expect(headers['access-control-allow-methods']).toBeUndefined()
})

test.each([
  ['/views', 200],
  ['/views/totals/value?key=ATL', 200],
  ['/views/totals/entries?limit=1', 200],
  ['/views/totals/changes', 200],
  ['/views/totals/value?key=nothing', 404],
  ['/views/totals/value', 400],
])('HEAD %s is answered as GET is, without a body', async (path, status) => {
  await using served = await serve()
  served.totals.commit(0, { flights: { 0: 7 } }, [{ key: 'ATL', value: 1 }])
  const answer = await rawRequest(`${served.url}${path}`, { method: 'HEAD' })
  expect([answer.status, answer.body]).toEqual([status, ''])
  const type = path.endsWith('changes') ? 'text/event-stream' : 'application/json'
  expect(answer.headers['content-type']).toContain(type)
})

/** The status of a raw answer, and the code in its body. */
function statusAndCode(answer: string): [status: number, code: unknown] {
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  return [Number(head.split(' ')[1]), JSON.parse(body.match(/\{.*\}/)?.[0] ?? '{}').code]
}

test.each([
  ['an absolute target', 'GET http://evil.example/views HTTP/1.1\r\nHost: localhost\r\n', 400, 'BAD_REQUEST'],
  [
    'an absolute target of this machine',
    'GET http://localhost/views HTTP/1.1\r\nHost: localhost\r\n',
    400,
    'BAD_REQUEST',
  ],
  [
    'an absolute target under a foreign host',
    'GET http://localhost/views HTTP/1.1\r\nHost: evil\r\n',
    403,
    'HOST_REFUSED',
  ],
  ['two hosts', 'GET /views HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n', 403, 'HOST_REFUSED'],
  ['a port that cannot be', 'GET /views HTTP/1.1\r\nHost: localhost:99999\r\n', 403, 'HOST_REFUSED'],
  ['an address that cannot be', 'GET /views HTTP/1.1\r\nHost: 127.0.0.999\r\n', 403, 'HOST_REFUSED'],
  ['no host', 'GET /views HTTP/1.1\r\n', 403, 'HOST_REFUSED'],
  ['a method that is not one', 'FETCH /views HTTP/1.1\r\nHost: localhost\r\n', 400, 'BAD_REQUEST'],
  ['a tunnel', 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n', 405, 'METHOD_REFUSED'],
  ['no HTTP', 'hello\r\n', 400, 'BAD_REQUEST'],
  [
    'two lengths',
    'GET /views HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n',
    400,
    'BAD_REQUEST',
  ],
  [
    'large headers',
    `GET /views HTTP/1.1\r\nHost: localhost\r\nCookie: ${'x'.repeat(HEADER_BYTES_MAX)}\r\n`,
    431,
    'BAD_REQUEST',
  ],
])('a request with %s is refused, with a code in the body', async (_what, head, status, code) => {
  await using served = await serve()
  const answer = await rawExchange(served.url, `${head}Connection: close\r\n\r\n`)
  expect(statusAndCode(answer)).toEqual([status, code])
})
