import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type RequestOptions, request } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import { memoryLog } from '@millrace/connectors/memory'
import { nodeEnv } from '@millrace/core/node'
import { Node, type NodeServer, type NodeServerOptions, startNodeServer, type TlsCertificate } from '@millrace/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { FakeContainers } from './fake-containers.ts'
import { selfSigned } from './self-signed.ts'

const READ = 'a-token-for-reading-0123'
const DAY_MS = 86_400_000

const tls = selfSigned()

/** A node's server that listens on all addresses of this machine, unless the options choose others. */
async function serve(
  options: Partial<NodeServerOptions> = {},
  certificate: TlsCertificate | null = tls,
): Promise<NodeServer> {
  const env = nodeEnv()
  const data = mkdtempSync(join(tmpdir(), 'millrace-node-'))
  const log = memoryLog(env)
  const node = await Node.open({ log, env, data, start: new FakeContainers().start })
  onTestFinished(async () => {
    await node.close()
    await log.close()
    rmSync(data, { recursive: true })
  })
  const about = () => ({ version: '1', pid: 1, data, sinceMs: 0, url: '' })
  const tokens = { readToken: READ, adminToken: 'a-token-for-changes-0123' }
  const server = await startNodeServer({
    node,
    env,
    about,
    port: 0,
    host: '0.0.0.0',
    ...tokens,
    ...(certificate && { tls: certificate }),
    ...options,
  })
  onTestFinished(() => server.close())
  return server
}

/** Requests `/node` with the token; returns the status, the code in the answer, and the certificate that was shown. */
async function get(
  { url }: NodeServer,
  { ca = tls.certificate, ...options }: RequestOptions = {},
): Promise<{ readonly status: number | undefined; readonly code: unknown; readonly certificate: string }> {
  const { port } = new URL(url)
  const headers = { authorization: `Bearer ${READ}`, ...options.headers }
  const sent = request({
    host: '127.0.0.1',
    servername: 'localhost',
    port,
    path: '/node',
    agent: false,
    ...options,
    ca,
    headers,
  })
  sent.end()
  const [answer] = await once(sent, 'response')
  const socket: TLSSocket = answer.socket
  const shown = socket.getPeerX509Certificate()?.fingerprint256 ?? ''
  return { status: answer.statusCode, code: JSON.parse(await text(answer)).code, certificate: shown }
}

test.each(['0.0.0.0', '192.168.1.5', '::', 'node1.example.com'])(
  'a node refuses to listen on %s without TLS, and states what to do',
  async (host) => {
    await expect(serve({ host }, null)).rejects.toMatchObject({
      code: 'ADDRESS_REFUSED',
      message: expect.stringMatching(/only with TLS and tokens\. .*--tls-cert <file> --tls-key <file>/),
    })
  },
)

test.each(['readToken', 'adminToken'])('a node refuses to listen on all addresses with an empty %s', async (token) => {
  await expect(serve({ [token]: '' })).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' })
})

test('an empty token opens nothing, not even on loopback', async () => {
  const server = await serve({ host: '127.0.0.1', readToken: '' })
  expect(await get(server, { headers: { authorization: 'Bearer ' } })).toMatchObject({
    status: 401,
    code: 'TOKEN_REFUSED',
  })
})

test('a name that is not an address is refused as the place to listen', async () => {
  await expect(serve({ host: 'node1.example.com' })).rejects.toMatchObject({
    code: 'ADDRESS_REFUSED',
    message: expect.stringContaining('"node1.example.com" is not an address'),
  })
})

test('a node on all addresses answers with TLS and the token, and only with them', async () => {
  const server = await serve()
  expect(server.url).toMatch(/^https:\/\/localhost:\d+$/)
  expect(await get(server)).toMatchObject({ status: 200 })
  expect(await get(server, { headers: { authorization: '' } })).toMatchObject({ status: 401, code: 'TOKEN_REFUSED' })
  await expect(get(server, { ca: selfSigned().certificate })).rejects.toMatchObject({
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
  })
  await expect(fetch(server.url.replace('https', 'http'))).rejects.toThrow()
  await expect(get(server, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).rejects.toThrow()
})

test.each([
  ['node1.example.com:4700', 200],
  ['NODE1.example.com', 200],
  ['localhost', 200],
  ['127.0.0.1:4700', 200],
  ['node2.example.com', 403],
  ['node1.example.com.evil.example', 403],
  ['192.168.1.5', 403],
  ['[fe80::1]:4700', 200],
  ['[fe80::2]', 403],
])(
  'a request for the host %s gets %i from a node that allows node1.example.com and an address',
  async (host, status) => {
    const server = await serve({ allowHosts: ['node1.example.com', '[fe80::1]'] })
    expect(server.url).toMatch(/^https:\/\/node1\.example\.com:\d+$/)
    const { status: answered, code } = await get(server, { headers: { host } })
    expect([answered, code]).toEqual([status, status === 200 ? undefined : 'HOST_REFUSED'])
  },
)

test.skipIf(process.platform !== 'linux')('a node that listens on one address may be called by it', async () => {
  const server = await serve({ host: '127.0.0.2' })
  expect(server.url).toMatch(/^https:\/\/127\.0\.0\.2:\d+$/)
  const named = { host: '127.0.0.2', checkServerIdentity: () => undefined, headers: { host: '127.0.0.2' } }
  expect(await get(server, named)).toMatchObject({ status: 200 })
})

test.each(['http://node1.example.com', 'node1.example.com:4700', '*.example.com', ''])(
  'the host %j is refused as a name of the node',
  async (host) => {
    await expect(serve({ allowHosts: [host] })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('is not the name of a host'),
    })
  },
)

const other = selfSigned()
const past = { validFrom: new Date(Date.now() - 2 * DAY_MS), validTo: new Date(Date.now() - DAY_MS) }
const future = { validFrom: new Date(Date.now() + DAY_MS), validTo: new Date(Date.now() + 2 * DAY_MS) }

const INVALID = [
  ['is not PEM', { ...tls, certificate: 'abc' }, /certificate is not a certificate in PEM/],
  ['has a key that is not PEM', { ...tls, key: tls.certificate }, /private key is not a key in PEM/],
  ['has the key of another certificate', { ...tls, key: other.key }, /does not belong to the certificate/],
  ['has expired', selfSigned(past), /has expired at 20/],
  ['is not valid yet', selfSigned(future), /is valid from 20.* which is later than now/],
] as const

test.each(INVALID)('a node refuses to start with a certificate that %s', async (_what, invalid, message) => {
  const refused = serve({}, invalid)
  await expect(refused).rejects.toMatchObject({
    code: 'CERTIFICATE_INVALID',
    message: expect.stringMatching(message),
  })
  await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining(invalid.key.slice(30, 60)) })
})

test('a renewed certificate is shown to new connections, and open connections stay', async () => {
  const server = await serve()
  const open = tlsConnect({ host: '127.0.0.1', port: Number(new URL(server.url).port), ca: tls.certificate })
  await once(open, 'secureConnect')
  const { certificate: before } = await get(server)
  server.renew(other)
  const { status, certificate: after } = await get(server, { ca: other.certificate })
  expect(status).toBe(200)
  expect(after).not.toBe(before)
  open.write(`GET /node HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${READ}\r\nConnection: close\r\n\r\n`)
  expect(await text(open)).toMatch(/^HTTP\/1\.1 200 /)
})

test.each(INVALID)('a renewed certificate that %s is refused, and the present one stays', async (_what, invalid) => {
  const server = await serve()
  expect(() => server.renew(invalid)).toThrow(expect.objectContaining({ code: 'CERTIFICATE_INVALID' }))
  expect(await get(server)).toMatchObject({ status: 200 })
})

test('a server without TLS has no certificate to renew', async () => {
  const server = await serve({ host: '127.0.0.1' }, null)
  expect(() => server.renew(tls)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
})

test('connections that do not finish their handshake do not keep a server from closing', async () => {
  const server = await serve()
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  await once(socket, 'connect')
  // The handshake of another connection shows that the server has accepted this one.
  await get(server)
  await server.close()
  if (!socket.destroyed) await once(socket.resume(), 'close')
})

test.skipIf(process.platform !== 'linux')(
  'a connection past the limit of its address is closed as it comes, and other addresses are still answered',
  async () => {
    const server = await serve({ limits: { connectionsPerAddressMax: 8 } })
    const port = Number(new URL(server.url).port)
    const shakenHands = async () => {
      const socket = tlsConnect({ port, host: '127.0.0.1', servername: 'localhost', ca: tls.certificate })
      await once(socket, 'secureConnect')
      return socket
    }
    const open = await Promise.all(Array.from({ length: 8 }, shakenHands))
    onTestFinished(() => {
      for (const socket of open) socket.destroy()
    })
    await expect(shakenHands()).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(await get(server, { localAddress: '127.0.0.3' })).toMatchObject({ status: 200 })
    const [first] = open
    first?.destroy()
    await expect.poll(() => get(server).catch(() => undefined)).toMatchObject({ status: 200 })
  },
)
