import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NodeClient } from '@millrace/client'
import { memoryLog } from '@millrace/connectors/memory'
import { job, json, type Log, stream, string, topic } from '@millrace/core'
import { nodeEnv, socketFetch } from '@millrace/core/node'
import { encodeArtefact, makeArtefact, Node, type NodeServer, startNodeServer } from '@millrace/runtime'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type FakeContainer, FakeContainers } from './fake-containers.ts'

const READ = 'a-token-for-reading-0123'
const ADMIN = 'a-token-for-changes-0123'
const ANN = { by: 'ann@laptop', why: 'as asked' }

const numbers = topic('numbers', { key: string(), value: json<number>() })
const theJob = job('counts', stream(numbers).groupByKey().count('counts'))
const contents = new Map([
  ['job.mjs', Buffer.from('export default 1')],
  ['job.mjs.map', Buffer.from('{}')],
])
const artefact = makeArtefact(theJob, { millrace: '1', source: 'job.ts', externals: [], contents })

let directory: string
let log: Log
let containers: FakeContainers
let node: Node
let server: NodeServer
let admin: NodeClient

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-node-'))
  const env = nodeEnv()
  log = memoryLog(env)
  containers = new FakeContainers()
  node = await Node.open({ log, env, data: directory, start: containers.start, healthyAfterMs: 10 })
  const about = () => ({ version: '1', pid: process.pid, data: directory, sinceMs: 0, url: '', disk: null })
  const socket = join(directory, 'node.sock')
  server = await startNodeServer({ node, env, about, port: 0, readToken: READ, adminToken: ADMIN, socket })
  admin = new NodeClient('http://localhost', { fetch: socketFetch(socket) })
})

afterEach(async () => {
  await server.close()
  await node.close()
  await log.close()
  rmSync(directory, { recursive: true })
})

async function deploy(): Promise<readonly string[]> {
  const steps: string[] = []
  const id = await admin.upload(encodeArtefact(artefact))
  await admin.deploy(id, { ...ANN, settings: { containers: 2 }, onStep: (step) => steps.push(step) })
  return steps
}

test('a log that cannot copy topics has no savepoints, and the client gets the reason', async () => {
  await deploy()
  expect(await admin.savepoints('counts')).toEqual([])
  await expect(admin.savepoint('counts', 's')).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  await expect(admin.deleteSavepoint('counts', 's')).rejects.toMatchObject({ code: 'SAVEPOINT_MISSING' })
  await expect(admin.deleteSavepoint('counts', '')).rejects.toMatchObject({ code: 'BAD_NAME' })
  expect(await send('/jobs/counts/savepoint', { ...POST, token: READ })).toEqual([401, 'TOKEN_REFUSED'])
  expect(await send('/jobs/counts/rewind', { ...POST, token: ADMIN, body: '{"to":"7"}' })).toEqual([
    400,
    'BAD_POSITION',
  ])
  await expect(admin.rewind('counts')).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
  await expect(admin.restoreSavepoint('counts', 's')).rejects.toMatchObject({ code: 'SAVEPOINT_MISSING' })
})

interface Sent {
  readonly method?: string
  readonly token?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** Sends a request to the port, and returns the status and the code in the answer. */
async function send(
  path: string,
  { method = 'GET', token, headers = {}, body }: Sent = {},
): Promise<[number, unknown]> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { ...authorization, ...headers },
    ...(body !== undefined && { body }),
  })
  const answer: unknown = await response.json()
  return [response.status, typeof answer === 'object' && answer !== null && 'code' in answer ? answer.code : undefined]
}

const POST = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }

test('a job is deployed, seen and changed through the client, and the steps are reported as they are done', async () => {
  expect(await deploy()).toEqual([
    'Starts container 1 of 2',
    'Starts container 2 of 2',
    'All containers run. Waits 0.01 s for failures',
  ])
  expect(await admin.jobs()).toMatchObject([{ job: 'counts', phase: 'running' }])
  expect(await admin.scale('counts', 1, ANN)).toMatchObject({ containers: [{ phase: 'running' }] })
  expect(await admin.stop('counts', ANN)).toMatchObject({ phase: 'stopped' })
  expect(await admin.start('counts', ANN)).toMatchObject({ phase: 'running' })
  const events = await admin.history('counts')
  expect(events.map(({ action, by }) => `${action} ${by}`)).toEqual([
    'deploy ann@laptop',
    'deployed node',
    'scale ann@laptop',
    'stop ann@laptop',
    'start ann@laptop',
  ])
  await admin.undeploy('counts', ANN)
  expect(await admin.jobs()).toEqual([])
})

test('a deploy that fails after its first steps rejects with the code of its error', async () => {
  containers.behave = (container) => container.fail({ code: 'STORE_CHANGED', message: 'changed' })
  await expect(deploy()).rejects.toMatchObject({
    code: 'DEPLOY_FAILED',
    message: expect.stringContaining('STORE_CHANGED'),
  })
})

test('the socket is open to this user only', () => {
  expect(statSync(join(directory, 'node.sock')).mode & 0o777).toBe(0o600)
})

test.each([
  ['reading without a token', '/jobs', {}, 401],
  ['reading with another token', '/jobs', { token: 'x'.repeat(24) }, 401],
  ['reading with the token for reading', '/jobs', { token: READ }, 200],
  ['reading with the token for changes', '/jobs', { token: ADMIN }, 200],
  ['a change without a token', '/jobs/counts/stop', POST, 401],
  ['a change with the token for reading', '/jobs/counts/stop', { ...POST, token: READ }, 401],
  ['a change with the token for changes', '/jobs/counts/stop', { ...POST, token: ADMIN }, 404],
  ['an artefact with the token for reading', '/artefacts', { ...POST, token: READ }, 401],
])('the port answers %s with %s', async (_what, path, sent: Sent, status) => {
  expect((await send(path, sent))[0]).toBe(status)
})

test.each([
  ['PUT', { ...POST, method: 'PUT', token: ADMIN }, 405, 'METHOD_REFUSED'],
  [
    'a body that a form can send',
    { ...POST, token: ADMIN, headers: { 'content-type': 'text/plain' } },
    400,
    'BAD_REQUEST',
  ],
  [
    'a web page',
    { ...POST, token: ADMIN, headers: { ...POST.headers, origin: 'https://evil.example' } },
    403,
    'ORIGIN_REFUSED',
  ],
  ['a body that is not JSON', { ...POST, token: ADMIN, body: '{' }, 400, 'BAD_REQUEST'],
  ['a body that is not an object', { ...POST, token: ADMIN, body: '[]' }, 400, 'BAD_REQUEST'],
  ['an unknown field', { ...POST, token: ADMIN, body: '{"force":true}' }, 400, 'BAD_REQUEST'],
  [
    'a body of 65 KiB',
    { ...POST, token: ADMIN, body: JSON.stringify({ why: 'x'.repeat(66_560) }) },
    400,
    'BAD_REQUEST',
  ],
  [
    'a reason of 1001 characters',
    { ...POST, token: ADMIN, body: JSON.stringify({ why: 'x'.repeat(1001) }) },
    400,
    'BAD_REQUEST',
  ],
])('a change with %s is rejected', async (_what, sent: Sent, status, code) => {
  await deploy()
  expect(await send('/jobs/counts/stop', sent)).toEqual([status, code])
  expect(node.job('counts').phase).toBe('running')
})

test('an artefact of which a byte was changed is rejected', async () => {
  const sent = encodeArtefact(artefact).replace('"files":{"job.mjs":"', '"files":{"job.mjs":"AAAA')
  await expect(admin.upload(sent)).rejects.toMatchObject({ code: 'ARTEFACT_DAMAGED' })
})

test('a job that is not deployed, and a path that does not exist, are answered with 404', async () => {
  expect(await send('/jobs/other', { token: READ })).toEqual([404, 'JOB_MISSING'])
  expect(await send('/jobs/other/logs', { token: READ })).toEqual([404, 'JOB_MISSING'])
  expect(await send('/nothing', { token: READ })).toEqual([404, 'PATH_MISSING'])
})

test('the log of a job is filtered by level and container, and followed', async () => {
  await deploy()
  const [first] = containers.alive
  const print = (container: FakeContainer | undefined, level: 'info' | 'error', text: string) =>
    container?.reports.next({ kind: 'line', level, text })
  print(first, 'info', 'one')
  print(first, 'error', 'two')
  const read = async (options: Parameters<NodeClient['logs']>[1]) => {
    const texts: string[] = []
    for await (const { text } of admin.logs('counts', options)) texts.push(text)
    return texts
  }
  expect(await read({ level: 'error' })).toEqual(['two'])
  expect(await read({ container: '1.1', lines: 1 })).toEqual(['two'])
  const stop = new AbortController()
  const followed: string[] = []
  const following = (async () => {
    for await (const { text } of admin.logs('counts', { lines: 1, follow: true, signal: stop.signal })) {
      followed.push(text)
      if (text === 'two') print(first, 'info', 'three')
      else stop.abort()
    }
  })()
  await following.catch(() => undefined)
  expect(followed).toEqual(['two', 'three'])
})

/** A server on a socket, in place of a container's view server. */
async function standIn(path: string): Promise<Server> {
  const views = createServer((incoming, answer) => {
    answer.writeHead(incoming.url === '/views' ? 200 : 404, {
      'content-type': 'application/json',
      'millrace-position': 'numbers/0:7',
    })
    answer.end(JSON.stringify({ path: incoming.url, token: incoming.headers.authorization ?? null }))
  })
  await new Promise<void>((resolve) => views.listen(path, resolve))
  return views
}

test('a request for views goes to a container of the job, without the token, and its answer comes back as it is', async () => {
  const socket = join(directory, 'views.sock')
  const views = await standIn(socket)
  containers.behave = (container) =>
    container.reports.next({ kind: 'running', url: 'http://127.0.0.1:1', address: `unix:${socket}` })
  await deploy()
  try {
    for (const [path, status] of [
      ['/views', 200],
      ['/views/counts/value?key=%2F..%2F', 404],
    ] as const) {
      const response = await fetch(`${server.url}/jobs/counts${path}`, {
        headers: { authorization: `Bearer ${READ}` },
      })
      expect(response.status).toBe(status)
      expect(response.headers.get('millrace-position')).toBe('numbers/0:7')
      expect(await response.json()).toEqual({ path, token: null })
    }
  } finally {
    views.close()
  }
})

test('a request for views of a stopped job, or of a container that has just ended, gets an error with a code', async () => {
  await deploy()
  expect(await send('/jobs/counts/views', { token: READ })).toEqual([503, 'SERVER_UNREACHABLE'])
  await node.stop('counts', ANN)
  expect(await send('/jobs/counts/views', { token: READ })).toEqual([404, 'JOB_NOT_RUNNING'])
})

test('a client that goes away during a deploy does not end it', async () => {
  const id = await node.storeArtefact(encodeArtefact(artefact))
  await new Promise<void>((resolve) => {
    const sent = request({ socketPath: join(directory, 'node.sock'), path: '/deploy', ...POST }, (answer) => {
      answer.once('data', () => {
        sent.destroy()
        resolve()
      })
    })
    sent.on('error', () => undefined)
    sent.end(JSON.stringify({ artefact: id }))
  })
  while (node.job('counts').phase === 'deploying') await nodeEnv().timers.turn()
  expect(node.job('counts').phase).toBe('running')
})

test('a log answers with its last 100 lines unless another number is requested, and with 10000 at most', async () => {
  await deploy()
  for (let line = 0; line < 150; line++) node.logs.print('counts', '1.1', 'info', `line ${line}`)
  const texts: string[] = []
  for await (const { text } of admin.logs('counts')) texts.push(text)
  expect(texts).toEqual(Array.from({ length: 100 }, (_, line) => `line ${line + 50}`))
  expect(await send('/jobs/counts/logs?lines=10001', { token: READ })).toEqual([400, 'BAD_REQUEST'])
})

test('a follower of a log that does not read is disconnected, and the node keeps nothing for it', async () => {
  await deploy()
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
  const sent = request(
    { socketPath: join(directory, 'node.sock'), path: '/jobs/counts/logs?follow=true' },
    (response) => {
      response.pause()
      response.on('error', () => undefined)
      response.on('close', resolve)
      answer()
    },
  )
  sent.end()
  await answered
  const text = 'x'.repeat(16_000)
  // More than the sockets take, and the limit of 4 MiB.
  for (let line = 0; line < 1000; line++) node.logs.print('counts', '1.1', 'info', text)
  await closed
})

test('the 65th client that reads a log at the same time is rejected', async () => {
  await deploy()
  const stop = new AbortController()
  const followers = Array.from({ length: 64 }, () =>
    fetch(`${server.url}/jobs/counts/logs?follow=true&lines=1`, {
      headers: { authorization: `Bearer ${READ}` },
      signal: stop.signal,
    }),
  )
  await Promise.all(followers)
  expect(await send('/jobs/counts/logs', { token: READ })).toEqual([503, 'TOO_MANY_STREAMS'])
  stop.abort()
})

test('a container without a socket cannot be queried, and a change of a node that ends is rejected', async () => {
  containers.behave = (container) =>
    container.reports.next({ kind: 'running', url: 'http://127.0.0.1:1', address: 'http://127.0.0.1:1' })
  await deploy()
  expect(await send('/jobs/counts/views', { token: READ })).toEqual([500, 'UNSUPPORTED'])
  await node.close()
  expect(await send('/jobs/counts/stop', { ...POST, token: ADMIN })).toEqual([503, 'SERVER_CLOSING'])
  node = await Node.open({ log, env: nodeEnv(), data: directory, start: containers.start })
})

test('a change that cannot be recorded is not made, and can be requested again', async () => {
  await deploy()
  await log.admin.deleteTopic('millrace.deployments')
  expect(await send('/jobs/counts/stop', { ...POST, token: ADMIN })).toEqual([500, 'TOPIC_MISSING'])
  expect(node.job('counts').phase).toBe('running')
  await log.admin.createTopic('millrace.deployments')
  expect(await admin.stop('counts', ANN)).toMatchObject({ phase: 'stopped' })
})
