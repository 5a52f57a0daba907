import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createSocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { LockingProcess } from '../testing/locking-process.ts'
import { type AnnouncementFacts, checkAnnouncements, checkPort, readAnnouncements, readPort } from './ports.ts'

const facts: AnnouncementFacts = {
  job: 'counting',
  url: 'http://127.0.0.1:4711',
  pid: 77,
  path: '/data/jobs/counting@77.json',
  state: 'running',
  answers: 'counting',
}

describe('announcements', () => {
  test('of a process that answers are fine, and so is a directory without any', () => {
    expect(checkAnnouncements([facts])).toMatchObject([{ status: 'ok', check: 'Views of counting' }])
    expect(checkAnnouncements([])).toMatchObject([{ status: 'ok' }])
  })

  test('of processes that have ended do not frighten', () => {
    const ended: AnnouncementFacts = { ...facts, state: 'gone', answers: undefined }
    expect(checkAnnouncements([ended, { ...ended, pid: 78 }])).toMatchObject([
      { status: 'ok', what: '2 files of processes of counting that have ended; harmless, and skipped' },
    ])
  })

  test('of a process in another container, which is not visible here and answers, are fine', () => {
    expect(checkAnnouncements([{ ...facts, state: 'gone' }])).toMatchObject([
      { status: 'ok', check: 'Views of counting' },
    ])
  })

  test('of a port at which another job answers now are a warning', () => {
    expect(checkAnnouncements([{ ...facts, answers: 'other' }])).toMatchObject([
      { status: 'warning', what: 'http://127.0.0.1:4711, which process 77 announced, answers for job other' },
    ])
  })

  test('of a process that runs and does not answer are a warning with its number', () => {
    expect(checkAnnouncements([{ ...facts, answers: undefined }])).toMatchObject([
      { status: 'warning', advice: expect.stringContaining('"kill -9 77"') },
    ])
  })

  test('of a stopped process are a warning, unless it is reported already', () => {
    const stopped: AnnouncementFacts = { ...facts, state: 'stopped', answers: undefined }
    expect(checkAnnouncements([stopped])).toMatchObject([
      { status: 'warning', advice: expect.stringContaining('"kill -CONT 77"') },
    ])
    expect(checkAnnouncements([stopped], new Set([77]))).toEqual([])
  })
})

describe('a port', () => {
  test('that is free is fine', () => {
    expect(checkPort({ port: 4711, failure: undefined }, [])).toMatchObject([{ status: 'ok' }])
  })

  test('of another program is a problem, and of a job of this data directory a warning', () => {
    const taken = { port: 4711, failure: 'EADDRINUSE' }
    expect(checkPort(taken, [])).toMatchObject([{ status: 'problem', what: 'another program listens there' }])
    expect(checkPort(taken, [{ ...facts, state: 'stopped', answers: undefined }])).toMatchObject([
      { status: 'warning', what: 'job counting (process 77) of this data directory listens there' },
    ])
  })

  test('that only root may use is a problem with another advice', () => {
    expect(checkPort({ port: 80, failure: 'EACCES' }, [])).toMatchObject([
      { status: 'problem', advice: expect.stringContaining('below 1024') },
    ])
  })

  test('is found to be taken, and free again', async () => {
    const server = createSocketServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    expect(await readPort(port)).toEqual({ port, failure: 'EADDRINUSE' })
    server.close()
    await once(server, 'close')
    expect(await readPort(port)).toEqual({ port, failure: undefined })
  })
})

describe('the announcements of a data directory', () => {
  let data: string

  beforeEach(() => {
    data = mkdtempSync(join(tmpdir(), 'millrace-ports-'))
    onTestFinished(() => rmSync(data, { recursive: true }))
    mkdirSync(join(data, 'jobs'))
  })

  async function announce(job: string, pid: number, answer: RequestListener): Promise<void> {
    const server = createServer(answer).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const { port } = server.address() as AddressInfo
    writeFileSync(join(data, `jobs/${job}@${pid}.json`), JSON.stringify({ job, url: `http://127.0.0.1:${port}`, pid }))
  }

  const answering =
    (job: string): RequestListener =>
    (_, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ job, phase: 'running', atMs: 0, tasks: [], problems: [] }))
    }

  test('come with the state of the process and with what answers', async () => {
    await announce('counting', process.pid, answering('counting'))
    await announce('replaced', process.pid, answering('other'))
    await announce('silent', process.pid, () => undefined)
    writeFileSync(join(data, 'file'), '')
    const ended = await LockingProcess.start(join(data, 'file'))
    await ended[Symbol.asyncDispose]()
    await announce('ended', ended.pid, (_, response) => response.end('hello'))
    expect(await readAnnouncements(data)).toMatchObject([
      { job: 'counting', state: 'running', answers: 'counting' },
      { job: 'ended', state: 'gone', answers: undefined },
      { job: 'replaced', state: 'running', answers: 'other' },
      { job: 'silent', state: 'running', answers: undefined },
    ])
  })
})
