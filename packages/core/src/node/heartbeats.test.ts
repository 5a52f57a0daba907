import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Heartbeat } from '../contracts/env.ts'
import { nodeHeartbeats } from './heartbeats.ts'

const INTERVAL_MS = 10

let directory: string
let path: string
let heartbeat: Heartbeat | undefined

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/millrace-heartbeat-`)
  path = `${directory}/beats`
  heartbeat = undefined
})

afterEach(() => {
  heartbeat?.stop()
  rmSync(directory, { recursive: true })
})

function beats(): number {
  const bytes = readFileSync(path)
  return bytes.length < 8 ? 0 : bytes.readDoubleBE(0)
}

const never = new Int32Array(new SharedArrayBuffer(4))

/** Holds this thread, as a callback does, until the count has moved by so many. */
function blockUntil(count: number): void {
  const from = beats()
  while (beats() < from + count) Atomics.wait(never, 0, 0, INTERVAL_MS)
}

const unexpected = (error: unknown) => expect.fail(String(error))

test('a heartbeat continues while the thread that started it does nothing else', async () => {
  writeFileSync(path, '')
  heartbeat = await nodeHeartbeats().start(path, INTERVAL_MS, unexpected)
  blockUntil(5)
})

test('a heartbeat begins when its file is there', async () => {
  heartbeat = await nodeHeartbeats().start(path, INTERVAL_MS, unexpected)
  writeFileSync(path, '')
  blockUntil(1)
})

test('a heartbeat that cannot write reports why', async () => {
  mkdirSync(path)
  const failed = Promise.withResolvers<unknown>()
  heartbeat = await nodeHeartbeats().start(path, INTERVAL_MS, failed.resolve)
  expect(await failed.promise).toMatchObject({ code: 'EISDIR' })
})

test('a heartbeat that fails leaves the others of its process alone', async () => {
  writeFileSync(path, '')
  heartbeat = await nodeHeartbeats().start(path, INTERVAL_MS, unexpected)
  const failed = Promise.withResolvers<unknown>()
  await nodeHeartbeats().start(directory, INTERVAL_MS, failed.resolve)
  expect(await failed.promise).toMatchObject({ code: 'EISDIR', path: directory })
  blockUntil(3)
})

test('a heartbeat that was stopped counts no more, and others continue', async () => {
  writeFileSync(path, '')
  const other = `${directory}/other`
  writeFileSync(other, '')
  const stopped = await nodeHeartbeats().start(other, INTERVAL_MS, unexpected)
  heartbeat = await nodeHeartbeats().start(path, INTERVAL_MS, unexpected)
  blockUntil(2)
  stopped.stop()
  blockUntil(2)
  const before = readFileSync(other)
  blockUntil(3)
  expect(readFileSync(other)).toEqual(before)
})

test('a heartbeat does not keep its process alive', () => {
  writeFileSync(path, '')
  const module = fileURLToPath(new URL('heartbeats.ts', import.meta.url))
  const program = `
    import { nodeHeartbeats } from ${JSON.stringify(module)}
    await nodeHeartbeats().start(${JSON.stringify(path)}, ${INTERVAL_MS}, console.error)
    console.log('ends')`
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  })
  expect([status, stdout]).toEqual([0, 'ends\n'])
})
