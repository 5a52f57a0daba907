import { readdirSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Env, OpenFile } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { encodeArtefact, type NodeServer } from '@millrace/runtime'
import { expect, test } from 'vitest'
import { ADMIN, countsArtefact, head, READ, servedNode, statusAndCode } from './served-node.ts'

const MIB = 1024 ** 2

/** Requests a path from the port, and does not read the answer. */
function unread({ url }: NodeServer, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(`${url}${path}`, { headers: { authorization: `Bearer ${READ}` } }, (answer) => {
      answer.on('error', () => undefined)
      resolve(answer.pause())
    }).on('error', reject)
  })
}

test('a stream of changes that a client does not read is held up at the container, and ends when the container ends it', async () => {
  const { server, deployWithViews } = await servedNode()
  const { promise: ended, resolve } = Promise.withResolvers<number>()
  await deployWithViews((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    let sentBytes = 0
    // What a container does with a slow follower. It gives up if the node takes everything.
    const send = () => {
      if (response.writableLength > 4 * MIB || sentBytes > 256 * MIB) {
        resolve(sentBytes)
        response.destroy()
      } else {
        response.write(Buffer.alloc(65_536))
        sentBytes += 65_536
        setImmediate(send)
      }
    }
    send()
  })
  const answer = await unread(server, '/jobs/counts/views/counts/changes')
  // 4 MiB at the container, and what the sockets take.
  expect(await ended).toBeLessThan(24 * MIB)
  await new Promise((closed) => answer.resume().once('close', closed))
  expect(answer.complete).toBe(false)
})

test('a stream of changes comes through as it is written', async () => {
  const { server, deployWithViews } = await servedNode()
  let next = () => {}
  await deployWithViews((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
    next = () => response.end('data: 2\n\n')
  })
  const answer = await unread(server, '/jobs/counts/views/counts/changes')
  const events: string[] = []
  for await (const chunk of answer) {
    events.push(String(chunk))
    next()
  }
  expect(events).toEqual(['data: 1\n\n', 'data: 2\n\n'])
})

test('a client that follows changes again continues, by header or by parameter, at whichever container answers', async () => {
  const { server, deployWithViews } = await servedNode()
  const requests: unknown[] = []
  await deployWithViews((request, response) => {
    requests.push([request.url, request.headers['last-event-id']])
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end('event: reached\nid: 2\ndata: {}\n\n')
  })
  const path = '/jobs/counts/views/counts/changes?key=a'
  const headers = { authorization: `Bearer ${READ}`, 'last-event-id': '1.x.0-1-1' }
  expect(await (await fetch(`${server.url}${path}`, { headers })).text()).toContain('event: reached')
  await (await unread(server, `${path}&resume=1.x.0-2-2`)).resume()
  expect(requests).toEqual([
    ['/views/counts/changes?key=a', '1.x.0-1-1'],
    ['/views/counts/changes?key=a&resume=1.x.0-2-2', undefined],
  ])
})

test.each([
  ['does not answer', false],
  ['stops in the middle of its answer', true],
])('a request that is passed on to a container which %s ends', async (_what, begins) => {
  const { deployWithViews, exchange } = await servedNode({ limits: { forwardSilenceMsMax: 1000 } })
  await deployWithViews((_request, response) => {
    if (begins) response.writeHead(200).write('begun')
  })
  const answer = await exchange(head('GET /jobs/counts/views', 'Connection: close'))
  if (begins) expect(answer).toMatch(/begun\r\n$/)
  else expect(statusAndCode(answer)).toEqual([503, 'SERVER_UNREACHABLE'])
})

test('a client that goes away ends its request at the container', async () => {
  const { server, deployWithViews } = await servedNode()
  const { promise: gone, resolve } = Promise.withResolvers<void>()
  await deployWithViews((_request, response) => {
    response.on('close', resolve)
    response.writeHead(200).write('begun')
  })
  const answer = await unread(server, '/jobs/counts/views/counts/changes')
  answer.destroy()
  await gone
})

test('of a long log the newest lines come, of 2 MiB at most', async () => {
  const { deploy, node, server } = await servedNode()
  await deploy()
  for (let line = 0; line < 300; line++) node.logs.print('counts', '1.1', 'info', `${line} ${'x'.repeat(16_000)}`)
  const answer = await text(await unread(server, '/jobs/counts/logs?lines=10000'))
  expect(answer.length).toBeLessThanOrEqual(2 * MIB)
  expect(answer.length).toBeGreaterThan(2 * MIB - 20_000)
  expect(JSON.parse(answer.trim().split('\n').at(-1) ?? '').text).toMatch(/^299 /)
})

/** The outside world, with timers for 30 s that the test turns. */
function turnedEnv(): { readonly env: Env; readonly turn: () => void } {
  const env = nodeEnv()
  const due = new Set<() => void>()
  const after: Env['timers']['after'] = (delayMs, callback) => {
    if (delayMs !== 30_000) return env.timers.after(delayMs, callback)
    due.add(callback)
    return { cancel: () => void due.delete(callback) }
  }
  const timers = { after, turn: () => env.timers.turn() }
  const turn = () => {
    for (const callback of due) callback()
  }
  return { env: { ...env, timers }, turn }
}

test('a client that does not take its answer loses it, and its place is free', async () => {
  const { env, turn } = turnedEnv()
  const { deploy, node, directory } = await servedNode({ env })
  await deploy()
  for (let line = 0; line < 300; line++) node.logs.print('counts', '1.1', 'info', 'x'.repeat(16_000))
  // A socket in the file system takes less than the answer.
  const request = () =>
    new Promise<IncomingMessage>((resolve) => {
      const to = { socketPath: join(directory, 'node.sock'), path: '/jobs/counts/logs?lines=10000' }
      get(to, (answer) => resolve(answer.on('error', () => undefined).pause()))
    })
  const answers = await Promise.all(Array.from({ length: 64 }, request))
  expect((await request()).statusCode).toBe(503)
  turn()
  await Promise.all(answers.map((answer) => new Promise((closed) => answer.resume().once('close', closed))))
  expect(answers.map(({ complete }) => complete)).not.toContain(true)
  expect((await request()).statusCode).toBe(200)
})

test('a deploy answers for longer than a request may take, and a connection without a request does not stay', async () => {
  const { admin, exchange, server } = await servedNode({ limits: { requestMsMax: 500, keepAliveMs: 100 } }, 1500)
  const artefact = await admin.upload(encodeArtefact(countsArtefact()))
  const headers = { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' }
  const deployed = async () => {
    const body = JSON.stringify({ artefact })
    return (await fetch(`${server.url}/deploy`, { method: 'POST', headers, body })).text()
  }
  const answer = deployed()
  expect(await Promise.race([exchange(''), answer])).not.toContain('running')
  expect(await answer).toContain('"phase":"running"')
})

test('HEAD of a log that is followed is answered at once', async () => {
  const { deploy, exchange } = await servedNode()
  await deploy()
  const answer = await exchange(head('HEAD /jobs/counts/logs?follow=true', 'Connection: close'))
  expect(answer).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\n$/s)
})

test.each(['follow=1', 'follow=yes', 'level=debug', 'lines=-1', 'tail=5'])(
  'a log is not read with the parameter %s, which does not exist',
  async (parameter) => {
    const { deploy, exchange } = await servedNode()
    await deploy()
    const answer = await exchange(head(`GET /jobs/counts/logs?${parameter}`, 'Connection: close'))
    expect(statusAndCode(answer)).toEqual([400, 'BAD_REQUEST'])
  },
)

test('more than four requests at a time do not read the history', async () => {
  const { exchange } = await servedNode()
  const line = 'GET /jobs/counts/history'
  const answers = await exchange(`${head(line).repeat(4)}${head(line, 'Connection: close')}`)
  expect(answers.match(/HTTP\/1\.1 \d+/g)?.join()).toBe(
    'HTTP/1.1 200,HTTP/1.1 200,HTTP/1.1 200,HTTP/1.1 200,HTTP/1.1 503',
  )
  expect(answers).toContain('TOO_MANY_QUERIES')
})

/** The outside world, with a disk that takes no more of the code of artefacts while `full` is set. */
function fullDisk(): { readonly env: Env; full: boolean } {
  const env = nodeEnv()
  const disk = { env: { ...env, files: { ...env.files, open } }, full: true }
  function open(path: string, mode: Parameters<Env['files']['open']>[1]): OpenFile {
    const file = env.files.open(path, mode)
    if (path.endsWith('job.mjs')) {
      const write = file.write.bind(file)
      file.write = (bytes, offset, length, position) => {
        if (!disk.full) return write(bytes, offset, length, position)
        write(bytes, offset, Math.min(length, 4), position)
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' })
      }
    }
    return file
  }
  return disk
}

test('a disk that fills up while an artefact is stored leaves nothing of it, and the artefact can be sent again', async () => {
  const disk = fullDisk()
  const { admin, directory } = await servedNode({ env: disk.env })
  const artefact = encodeArtefact(countsArtefact())
  await expect(admin.upload(artefact)).rejects.toMatchObject({
    code: 'SYSTEM_CALL_FAILED',
    message: expect.stringMatching(/cannot be stored: ENOSPC.*Free some space/),
  })
  expect(readdirSync(join(directory, 'node/artefacts'))).toEqual(['lock'])
  disk.full = false
  const id = await admin.upload(artefact)
  expect(readdirSync(join(directory, 'node/artefacts')).sort()).toEqual([id, 'lock'].sort())
})
