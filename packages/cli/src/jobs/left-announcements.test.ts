import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { int32, job, stream, string, topic } from '@millrace/core'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { processIo } from '../terminal/process-io.ts'
import { jobServer } from './job-server.ts'
import { removeLeftAnnouncements } from './left-announcements.ts'

let data: string

beforeEach(() => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-left-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  mkdirSync(join(directory, 'jobs'))
  data = directory
})

const files = () => readdirSync(join(data, 'jobs')).sort()

function announce(pid: number, socket?: string, url = 'http://127.0.0.1:1'): void {
  const announced = { job: 'orders', url, pid, ...(socket !== undefined && { socket }) }
  writeFileSync(join(data, 'jobs', `orders@${pid}.json`), JSON.stringify(announced))
}

/** A process that listens on a socket of the data directory. */
async function listening(): Promise<{ readonly child: ChildProcess; readonly pid: number; readonly socket: string }> {
  const name = `${readdirSync(join(data, 'jobs')).length}.sock`
  const socket = join(data, 'jobs', name)
  const code = `require('node:net').createServer().listen(${JSON.stringify(socket)}, () => console.log('listens'))`
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return { child, pid: child.pid ?? 0, socket }
}

async function killed(): Promise<{ readonly pid: number; readonly socket: string }> {
  const { child, pid, socket } = await listening()
  child.kill('SIGKILL')
  await once(child, 'exit')
  return { pid, socket }
}

test('the announcement and the socket of a killed process are removed, and those of a running one stay', async () => {
  const running = await listening()
  announce(running.pid, running.socket)
  const gone = await killed()
  announce(gone.pid, gone.socket)
  expect(files()).toHaveLength(4)
  await removeLeftAnnouncements(data)
  expect(files()).toEqual(['0.sock', `orders@${running.pid}.json`])
})

test('an announcement whose socket is gone too, or that has only a port, is removed', async () => {
  const { pid, socket } = await killed()
  rmSync(socket)
  announce(pid, socket)
  await removeLeftAnnouncements(data)
  expect(files()).toEqual([])
  announce(pid)
  await removeLeftAnnouncements(data)
  expect(files()).toEqual([])
})

test('a process that runs and does not listen keeps its announcement', async () => {
  const { socket } = await killed()
  announce(process.pid, socket)
  await removeLeftAnnouncements(data)
  expect(files()).toHaveLength(2)
})

test('a process that listens and whose number is unknown here, as in another container, keeps its announcement', async () => {
  const { pid } = await killed()
  const { socket } = await listening()
  announce(pid, socket)
  await removeLeftAnnouncements(data)
  expect(files()).toContain(`orders@${pid}.json`)
  rmSync(join(data, 'jobs'), { recursive: true })
  mkdirSync(join(data, 'jobs'))
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  announce(pid, undefined, `http://127.0.0.1:${port}`)
  await removeLeftAnnouncements(data)
  expect(files()).toEqual([`orders@${pid}.json`])
})

test('a socket outside of the data directory that is not there may be in another container', async () => {
  const { pid, socket } = await killed()
  rmSync(socket)
  announce(pid, `${data}-elsewhere/1.sock`)
  await removeLeftAnnouncements(data)
  expect(files()).toEqual([`orders@${pid}.json`])
})

test('an announcement that a killed process has not finished is removed', async () => {
  const { pid, socket } = await killed()
  rmSync(socket)
  for (const each of [pid, process.pid]) writeFileSync(join(data, 'jobs', `orders@${each}.json.${each}.new`), '{')
  await removeLeftAnnouncements(data)
  expect(files()).toEqual([`orders@${process.pid}.json.${process.pid}.new`])
})

test('a process that announces its job removes what others have left', async () => {
  const { pid, socket } = await killed()
  announce(pid, socket)
  const numbers = topic('numbers', { key: string(), value: int32() })
  const counts = job('counts', stream(numbers).groupByKey().count('counts'))
  const { announce: announceHere } = jobServer(processIo(), counts, data, { port: 0, allowOrigin: [] })
  const announced = announceHere?.('http://127.0.0.1:2')
  await vi.waitFor(() => expect(files()).toEqual([`counts@${process.pid}.json`]))
  announced?.withdraw()
})
