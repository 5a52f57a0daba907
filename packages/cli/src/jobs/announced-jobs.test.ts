import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { findRunningJob } from './announced-jobs.ts'

let data: string

beforeEach(() => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-announced-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  mkdirSync(join(directory, 'jobs'))
  data = directory
})

/** Announces a job at a server that answers in this way. */
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

test('a job that is announced and does not answer within two seconds is passed over', async () => {
  await announce('silent', () => undefined)
  await expect(findRunningJob(data, undefined)).rejects.toMatchObject({ code: 'JOB_NOT_RUNNING' })
  await announce('alive', running('alive'))
  expect(await findRunningJob(data, undefined)).toMatchObject({ job: 'alive' })
})

test('where several jobs run one must be chosen', async () => {
  await announce('one', running('one'))
  await announce('two', running('two'))
  await expect(findRunningJob(data, undefined)).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringMatching(/one, two\. Choose one with --job/),
  })
  expect(await findRunningJob(data, 'two')).toMatchObject({ job: 'two' })
  await expect(findRunningJob(data, 'three')).rejects.toMatchObject({ code: 'JOB_NOT_RUNNING' })
})
