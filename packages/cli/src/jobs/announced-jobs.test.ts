import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { findRunningJob } from './announced-jobs.ts'
import { keptToken } from './job-token.ts'

let data: string

beforeEach(() => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-announced-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  mkdirSync(join(directory, 'jobs'))
  data = directory
})

/** Announces a job with a server that answers in this way. */
async function announce(job: string, answer: RequestListener): Promise<void> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  writeFileSync(join(data, 'jobs', `${job}@1.json`), JSON.stringify({ job, url: `http://127.0.0.1:${port}`, pid: 1 }))
}

const running =
  (job: string): RequestListener =>
  (_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ job, phase: 'running', atMs: 0, tasks: [] }))
  }

test('a job that is announced and does not answer within two seconds is skipped', async () => {
  await announce('silent', () => undefined)
  await expect(findRunningJob(data, undefined)).rejects.toMatchObject({ code: 'JOB_NOT_RUNNING' })
  await announce('alive', running('alive'))
  expect(await findRunningJob(data, undefined)).toMatchObject([{ job: 'alive' }])
})

test('if several jobs run, one of them must be chosen', async () => {
  await announce('one', running('one'))
  await announce('two', running('two'))
  await expect(findRunningJob(data, undefined)).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringMatching(/one, two\. Choose one with --job/),
  })
  expect(await findRunningJob(data, 'two')).toMatchObject([{ job: 'two' }])
  await expect(findRunningJob(data, 'three')).rejects.toMatchObject({ code: 'JOB_NOT_RUNNING' })
})

test('the token of the data directory is sent only to processes without a socket', async () => {
  const shown: unknown[] = []
  const answer: RequestListener = (request, response) => {
    shown.push(request.headers.authorization)
    running('one')(request, response)
  }
  await announce('one', answer)
  const token = keptToken(data)
  await findRunningJob(data, undefined)
  expect(shown).toEqual([`Bearer ${token}`])
})

test('a process with a socket is queried only on it, because another program may have its port', async () => {
  let answers = 0
  await announce('one', (request, response) => {
    answers++
    running('one')(request, response)
  })
  keptToken(data)
  const path = join(data, 'jobs', 'one@1.json')
  const announced = JSON.parse(readFileSync(path, 'utf8'))
  const socket = join(data, 'jobs', '1.sock')
  writeFileSync(path, JSON.stringify({ ...announced, socket }))
  await expect(findRunningJob(data, undefined)).rejects.toMatchObject({ code: 'JOB_NOT_RUNNING' })
  const server = createServer(running('one'))
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  onTestFinished(() => void server.close())
  const [found] = await findRunningJob(data, undefined)
  expect(await found?.client.status()).toMatchObject({ job: 'one' })
  expect(answers).toBe(0)
})
