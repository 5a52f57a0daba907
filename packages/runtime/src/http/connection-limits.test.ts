import { Agent, get, type IncomingMessage, type RequestListener } from 'node:http'
import { connect, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeEnv } from '@millrace/core/node'
import { expect, onTestFinished, test, vi } from 'vitest'
import { STATUS } from '../views/testing/served.ts'
import { startViewServer, type ViewServer } from '../views/view-server.ts'
import { type ConnectionLimits, openEndpoint } from './http-endpoint.ts'
import { getJson, rawExchange } from './testing/http.ts'

async function limited(limits: Partial<ConnectionLimits>): Promise<ViewServer> {
  const server = await startViewServer({
    job: 'a',
    views: [],
    status: () => STATUS,
    env: nodeEnv(),
    limits,
    token: null,
  })
  onTestFinished(() => server.close())
  return server
}

test('an address that the system does not allow is refused', async () => {
  const listen = vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server) {
    queueMicrotask(() => this.emit('error', Object.assign(new Error('listen EACCES'), { code: 'EACCES' })))
    return this
  })
  onTestFinished(() => listen.mockRestore())
  await expect(limited({})).rejects.toMatchObject({
    code: 'ADDRESS_REFUSED',
    message: expect.stringContaining('listen EACCES'),
  })
})

test('a socket that cannot be made is named, and the port is free again', async () => {
  const options = { job: 'a', views: [], status: () => STATUS, env: nodeEnv(), token: null }
  const socket = join(tmpdir(), 'millrace-not-there/views.sock')
  const first = await startViewServer(options)
  const port = Number(new URL(first.url).port)
  await first.close()
  await expect(startViewServer({ ...options, port, socket })).rejects.toMatchObject({
    code: 'ADDRESS_REFUSED',
    message: expect.stringContaining(socket),
  })
  const again = await startViewServer({ ...options, port })
  await again.close()
})

test('a client that does not finish its request in time loses its connection', async () => {
  const { url } = await limited({ requestMsMax: 50 })
  const answer = await rawExchange(url, 'GET /status HTTP/1.1\r\nHost: local')
  expect(answer).toMatch(/^HTTP\/1\.1 408 .*"code":"BAD_REQUEST"/s)
})

test.each([
  ['sends nothing', ''],
  ['sends HTTP without TLS', 'GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  // The start of a handshake of TLS 1.2 with 512 bytes, of which one comes.
  ['sends half of a handshake', '\u0016\u0003\u0001\u0002\u0000\u0001'],
])('a client of a server with TLS that %s loses its connection, and gets no answer', async (_what, sent) => {
  const certificate = { certificate: '', key: '' }
  const limits = { requestMsMax: 50 }
  const place = { address: '127.0.0.1', port: 0 }
  const { port, close } = await openEndpoint(
    place,
    (_request, response) => response.end(),
    nodeEnv(),
    limits,
    certificate,
  )
  onTestFinished(close)
  expect(await rawExchange(`http://127.0.0.1:${port}`, sent)).not.toContain('HTTP')
})

test.each([
  ['send nothing', ''],
  ['send half of a request', 'GET /status HTTP/1.1\r\nHost: local'],
  ['send a request and half of another', 'GET /status HTTP/1.1\r\nHost: localhost\r\n\r\nGET /st'],
  ['announce a body', 'GET /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n'],
])('clients that %s have all connections for as long as a request may take, and not longer', async (_what, sent) => {
  const { url } = await limited({ requestMsMax: 200, connectionsMax: 4 })
  const exchanges = Array.from({ length: 4 }, () => rawExchange(url, sent))
  await Promise.all(exchanges)
  expect((await getJson(`${url}/status`)).status).toBe(200)
})

test('a client that sends no further request in time loses its connection', async () => {
  const { url } = await limited({ keepAliveMs: 50 })
  expect(await rawExchange(url, 'GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /)
})

test('connections past the limit are closed as they come', async () => {
  const { url } = await limited({ connectionsMax: 2 })
  const open = [connect(Number(new URL(url).port), '127.0.0.1'), connect(Number(new URL(url).port), '127.0.0.1')]
  onTestFinished(() => {
    for (const socket of open) socket.destroy()
  })
  await Promise.all(open.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
  expect(await rawExchange(url, '')).toBe('')
})

const REQUEST = 'GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** An endpoint whose requests the test answers. */
async function endpoint(listener: RequestListener): Promise<string> {
  const { port, close } = await openEndpoint({ address: '127.0.0.1', port: 0 }, listener, nodeEnv())
  onTestFinished(close)
  return `http://127.0.0.1:${port}`
}

test.each([
  ['are answered at once', true],
  ['are not answered yet', false],
])(
  'a connection that sends too many requests ahead is closed, and few of them are looked at: they %s',
  async (_what, atOnce) => {
    let requests = 0
    const url = await endpoint((_request, response) => {
      requests++
      if (atOnce) response.end('x'.repeat(10_000))
    })
    await rawExchange(url, REQUEST.repeat(2000))
    expect(requests).toBe(8)
  },
)

test('a connection that sends a few requests ahead gets all answers', async () => {
  const url = await endpoint((_request, response) => void setImmediate(() => response.end('x')))
  const answers = await rawExchange(url, `${REQUEST.repeat(7)}${REQUEST.replace('\r\n', '\r\nConnection: close\r\n')}`)
  expect(answers.match(/HTTP\/1\.1 200/g)).toHaveLength(8)
})

test('a client that keeps its connection and waits for each answer is not limited', async () => {
  const url = await endpoint((request, response) => void response.end(`${request.socket.remotePort}`))
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  const ports = new Set<string>()
  for (let n = 0; n < 100; n++) {
    const answer = await new Promise<IncomingMessage>((resolve) => get(url, { agent }, resolve))
    ports.add(Buffer.concat(await answer.toArray()).toString())
  }
  expect(ports.size).toBe(1)
})
