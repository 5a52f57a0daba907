import { nodeEnv } from '@millrace/core/node'
import { expect, onTestFinished, test } from 'vitest'
import { STATUS, serve } from '../views/testing/served.ts'
import { startViewServer, type ViewServerOptions } from '../views/view-server.ts'
import { HEADER_BYTES_MAX } from './limits.ts'
import { rawExchange, rawRequest } from './testing/http.ts'

test.each(['evil.example', 'evil.example:80', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1'])(
  'a request for the host %j is refused, whatever it requests',
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
  ['a path that is not one', 'GET /\\ HTTP/1.1\r\nHost: [::1]\r\n', 400, 'BAD_REQUEST'],
  ...[
    '/views/..',
    '/views/./totals/value',
    '/a/../views',
    '/a/%2e%2E/views',
    '/views/.%2e/status?a=b',
    '/views#a',
    '/a\\..\\views',
  ].map((path): [string, string, number, string] => [
    `the path ${path}`,
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\n`,
    400,
    'BAD_REQUEST',
  ]),
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

test('a request with an Expect header is answered without its body', async () => {
  await using served = await serve()
  const head = 'GET /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n'
  for (const expected of ['100-continue', 'a miracle']) {
    const answer = await rawExchange(served.url, `${head}Expect: ${expected}\r\nConnection: close\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(answer).toContain(JSON.stringify(STATUS))
  }
})

const TOKEN = 'a-token-of-this-test'
const PAGE = 'https://ops.example.com'

async function guardedServer(access: Partial<ViewServerOptions>): Promise<string> {
  const options = { job: 'a', views: [], status: () => STATUS, env: nodeEnv(), token: null }
  const server = await startViewServer({ ...options, ...access })
  onTestFinished(() => server.close())
  return server.url
}

test.each([
  [{}, 401],
  [{ authorization: `Bearer ${TOKEN}` }, 200],
  [{ authorization: `bearer  ${TOKEN} ` }, 200],
  [{ authorization: 'Bearer another-token-than-this' }, 401],
  [{ authorization: 'Bearer ' }, 401],
  [{ authorization: TOKEN }, 401],
  [{ authorization: `Basic ${TOKEN}` }, 401],
])('a server with a token answers %j with %i', async (headers, status) => {
  const url = await guardedServer({ token: TOKEN })
  const answer = await rawRequest(`${url}/status`, { headers })
  expect(answer.status).toBe(status)
  if (status === 200) return
  expect(JSON.parse(answer.body).code).toBe('TOKEN_REFUSED')
  expect(answer.body).not.toContain(TOKEN)
  expect(answer.headers['www-authenticate']).toBe('Bearer')
})

test.each([PAGE, 'http://localhost:8080', 'null'])(
  'a page of the origin %s is refused unless it is allowed',
  async (origin) => {
    const url = await guardedServer({})
    const { status, body, headers } = await rawRequest(`${url}/status`, { headers: { origin } })
    expect([status, JSON.parse(body).code]).toEqual([403, 'ORIGIN_REFUSED'])
    expect(headers['access-control-allow-origin']).toBeUndefined()
  },
)

test.each([
  PAGE,
  'null',
  `${PAGE}/`,
  'https://OPS.example.com',
  'https://ops.example.com:443',
  'chrome-extension://abc',
  'a',
])('the advice to a page of the origin %j names no origin that is refused', async (origin) => {
  const { body } = await rawRequest(`${await guardedServer({})}/status`, { headers: { origin } })
  const { message } = JSON.parse(body)
  const advised = /--allow-origin (\S+)/.exec(message)?.[1]
  expect(message).toMatch(advised === undefined ? /Only pages of a web server/ : `start`)
  const url = await guardedServer({ allowOrigins: advised === undefined ? [] : [advised] })
  const sent = /, send (\S+),/.exec(message)?.[1] ?? origin
  const { status } = await rawRequest(`${url}/status`, { headers: { origin: sent } })
  expect(status).toBe(advised === undefined ? 403 : 200)
})

test('an address instead of an origin is refused with its origin', async () => {
  await expect(guardedServer({ allowOrigins: [`${PAGE}/path`] })).rejects.toMatchObject({
    message: expect.stringMatching(new RegExp(`such as ${PAGE}$`)),
  })
})

test('a page of an allowed origin may read answers and errors, and no other page may', async () => {
  const url = await guardedServer({ allowOrigins: [PAGE], token: TOKEN })
  for (const [authorization, status] of [
    [`Bearer ${TOKEN}`, 200],
    ['', 401],
  ] as const) {
    const answer = await rawRequest(`${url}/status`, { headers: { origin: PAGE, authorization } })
    expect(answer.status).toBe(status)
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': PAGE,
      'access-control-expose-headers': 'millrace-position, millrace-stale, retry-after',
      vary: 'origin',
    })
  }
  for (const origin of [`${PAGE}.evil`, 'http://ops.example.com', `${PAGE}:444`]) {
    expect((await rawRequest(`${url}/status`, { headers: { origin } })).status).toBe(403)
  }
})

test('a preflight request of an allowed page is answered without the token', async () => {
  const url = await guardedServer({ allowOrigins: [PAGE], token: TOKEN })
  const requester = { 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' }
  const allowed = await rawRequest(`${url}/status`, { method: 'OPTIONS', headers: { origin: PAGE, ...requester } })
  expect(allowed).toMatchObject({ status: 204, body: '' })
  expect(allowed.headers).toMatchObject({
    'access-control-allow-origin': PAGE,
    'access-control-allow-methods': 'GET, HEAD',
    'access-control-allow-headers': 'authorization, accept, last-event-id',
  })
  const other = await rawRequest(`${url}/status`, {
    method: 'OPTIONS',
    headers: { origin: 'https://b.example', ...requester },
  })
  expect(other.status).toBe(403)
})

test.each(['*', 'ops.example.com', `${PAGE}/`, `${PAGE}/path`, 'null', ''])(
  '%j is refused as an origin',
  async (origin) => {
    await expect(guardedServer({ allowOrigins: [origin] })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  },
)
