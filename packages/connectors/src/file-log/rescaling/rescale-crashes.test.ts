import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type Log, MillraceError } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { partitionOf } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { type Fault, withFaults } from '../testing/faulty-files.ts'

const PROGRAM = fileURLToPath(new URL('../testing/rescale-process.ts', import.meta.url))
const KEYS = ['a', 'b', 'c', 'd', 'e']
const RECORDS = 60

/** It dies at every step with `npm run crash`, at every second one in CI, and else at every fifth. */
const EACH_STEP = process.env['MILLRACE_CRASH'] === 'all' ? 1 : process.env['CI'] === undefined ? 5 : 2

let directory: string

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/millrace-rescale-crash-`)
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

const open = (fault: Fault = () => undefined) => openFileLog({ directory, env: withFaults(nodeEnv(), fault) })

const homeOf = (key: string, partitions: number) => partitionOf(Buffer.from(key), 0, key.length, partitions)

async function fill(log: Log): Promise<void> {
  await log.admin.createTopic('t', { partitions: 2, segmentBytes: 1024 })
  const plain = log.openWriter()
  const changes = await log.openTransactionalWriter('w')
  for (let number = 0; number < RECORDS; number++) {
    const key = KEYS[number % KEYS.length] ?? ''
    const writer = number % 3 === 0 ? changes : plain
    write(await writer.openPartition('t', homeOf(key, 2)), key, `${number}`.padEnd(60, '.'), number)
    await writer.flush()
    if (number % 9 === 0) await changes.commit([])
  }
  await changes.commit([])
  await changes.close()
}

async function rescale(log: Log, partitions: number): Promise<void> {
  const rescaling = await log.rescale?.('t', partitions)
  try {
    await rescaling?.seal()
    await rescaling?.copy()
    await rescaling?.finish()
  } finally {
    await rescaling?.close()
  }
}

/** By key, the values in their order; each key must be in its partition. */
async function sequences(log: Log): Promise<Record<string, readonly (string | null)[]>> {
  const partitions = (await log.admin.describeTopic('t'))?.partitions ?? 0
  const found: Record<string, (string | null)[]> = {}
  const reader = log.openReader()
  for (let partition = 0; partition < partitions; partition++) {
    for (const { key, value } of readAll(await reader.assign('t', partition, 0))) {
      expect(homeOf(key ?? '', partitions)).toBe(partition)
      found[key ?? ''] = [...(found[key ?? ''] ?? []), value]
    }
  }
  await reader.close()
  return found
}

test('whichever step it dies at, the topic is whole, and a writer that has it open loses nothing and writes nowhere else', {
  timeout: 120_000,
}, async () => {
  const outcomes = { before: 0, after: 0 }
  let wasRefused = 0
  const first = Math.floor(Math.random() * EACH_STEP)
  for (let steps = first, crashed = true; crashed; steps += EACH_STEP) {
    rmSync(directory, { recursive: true, force: true })
    const writing = await openFileLog({ directory, durability: 'os' })
    await fill(writing)
    const expected = await sequences(writing)
    const producer = writing.openWriter()
    const partition = homeOf('a', 2)
    const to = await producer.openPartition('t', partition)
    // A dead process does none of its remaining steps.
    let left = steps
    let isOpen = false
    crashed = false
    const failing = await open(() => {
      if (!isOpen || left-- > 0) return undefined
      crashed = true
      return 'EIO'
    })
    isOpen = true
    await rescale(failing, 3).catch((error: unknown) => {
      if (!crashed) throw error
    })
    await failing.close().catch(() => undefined)
    // It may be the first to find out: it lifts the seal, or it is refused.
    let isWritten = true
    try {
      write(to, 'a', 'later', 1)
      await producer.flush()
    } catch (error) {
      expect(error, `step ${steps}`).toBeInstanceOf(MillraceError)
      expect(error, `step ${steps}`).toMatchObject({ code: 'TOPIC_RESCALED' })
      isWritten = false
      wasRefused++
    }
    const reopened = await open()
    await reopened.admin.checkTopics(['t'])
    const { partitions } = (await reopened.admin.describeTopic('t')) ?? {}
    outcomes[partitions === 2 ? 'before' : 'after']++
    expect(isWritten, `step ${steps}`).toBe(partitions === 2)
    const wanted = { ...expected, a: [...(expected['a'] ?? []), ...(isWritten ? ['later'] : [])] }
    expect(await sequences(reopened), `step ${steps}`).toEqual(wanted)
    await rescale(reopened, 5)
    expect(await sequences(reopened), `step ${steps}`).toEqual(wanted)
    expect(readdirSync(`${directory}/topics`)).toEqual(['t'])
    expect(readdirSync(`${directory}/.rescaling`)).toEqual(['.t.lock'])
    await writing.close().catch(() => undefined)
    await reopened.close()
  }
  expect(outcomes.before).toBeGreaterThan(40 / EACH_STEP)
  expect(outcomes.after).toBeGreaterThan(6 / EACH_STEP)
  expect(wasRefused).toBeGreaterThan(6 / EACH_STEP)
})

test('a process that looks for the topic while its place is empty finds the new one', async () => {
  const log = await open()
  await fill(log)
  const expected = await sequences(log)
  let isOpen = false
  const failing = await open((call, path) =>
    isOpen && call === 'rename' && path === `${directory}/topics/t` ? 'EIO' : undefined,
  )
  isOpen = true
  await expect(rescale(failing, 3)).rejects.toMatchObject({ code: 'LOG_WRITE_FAILED' })
  expect(readdirSync(`${directory}/topics`)).not.toContain('t')
  await failing.close()
  await expect(log.admin.createTopic('t')).rejects.toMatchObject({ code: 'TOPIC_EXISTS' })
  expect((await log.admin.listTopics()).map(({ name, partitions }) => [name, partitions])).toEqual([['t', 3]])
  expect(await sequences(log)).toEqual(expected)
  await log.close()
})

test('killed at random moments, with a second process that appends, and begun again until it ends, it loses nothing', {
  timeout: 120_000,
}, async () => {
  const log = await open()
  await fill(log)
  const expected = await sequences(log)
  let written = 0
  for (let partitions = 3, kills = 0; partitions <= 6; partitions++) {
    for (let isDone = false; !isDone; kills++) {
      const child = start(partitions)
      const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
      await new Promise((resolve) => child.stdout?.once('data', resolve))
      // The first copies take some milliseconds; from time to time it is left alone.
      const timer = kills % 4 === 3 ? undefined : setTimeout(() => child.kill('SIGKILL'), Math.random() * 40)
      isDone = (await exited) === 0
      clearTimeout(timer)
      const { partitions: now = 0 } = (await log.admin.describeTopic('t')) ?? {}
      const writer = log.openWriter()
      const to = await writer.openPartition('t', homeOf('a', now))
      write(to, 'a', `later ${written}`, RECORDS + written)
      await writer.flush().then(
        () => (expected['a'] = [...(expected['a'] ?? []), `later ${written}`]),
        (error: unknown) => expect(error).toMatchObject({ code: 'TOPIC_RESCALED' }),
      )
      await writer.close()
      written++
    }
    const reopened = await open()
    expect((await reopened.admin.describeTopic('t'))?.partitions).toBe(partitions)
    expect(await sequences(reopened)).toEqual(expected)
    await reopened.close()
  }
  await log.close()
})

function start(partitions: number): ChildProcess {
  return spawn(process.execPath, ['--conditions=millrace-source', PROGRAM, directory, 't', `${partitions}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}
