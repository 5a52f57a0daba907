import { connect, Server } from 'node:net'
import { nodeEnv } from '@millrace/core/node'
import { expect, onTestFinished, test, vi } from 'vitest'
import { rawExchange } from './testing/http.ts'
import { STATUS } from './testing/served.ts'
import { type ConnectionLimits, startViewServer, type ViewServer } from './view-server.ts'

async function limited(limits: Partial<ConnectionLimits>): Promise<ViewServer> {
  const server = await startViewServer({ job: 'a', views: [], status: () => STATUS, env: nodeEnv(), limits })
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

test('a client that does not finish its request in time loses its connection', async () => {
  const { url } = await limited({ requestMsMax: 50 })
  expect(await rawExchange(url, 'GET /status HTTP/1.1\r\nHost: local')).toMatch(/^HTTP\/1\.1 408 /)
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
