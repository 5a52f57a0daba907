import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { FileSystem, Log, Timers } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { TransactionJournal } from './journal.ts'

let directory: string
let log: Log
const logs: Log[] = []

/** What a test changes in the environment: how far the clock is ahead, and what is watched. */
class ChangedWorld {
  aheadMs = 0
  readonly opened: string[] = []
  readonly env = this.#makeEnv()

  #makeEnv() {
    const { clock, files, ...rest } = nodeEnv()
    const open: FileSystem['open'] = (path, mode) => {
      this.opened.push(path)
      return files.open(path, mode)
    }
    return {
      ...rest,
      files: { ...files, open },
      clock: { now: () => clock.now(), monotonic: () => clock.monotonic() + this.aheadMs },
    }
  }
}

async function open(env = nodeEnv()): Promise<Log> {
  const opened = await openFileLog({ directory, env, durability: 'os' })
  logs.push(opened)
  return opened
}

beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/millrace-transaction-limits-`)
  log = await open()
  await log.admin.createTopic('t', { partitions: 2 })
})

afterEach(async () => {
  for (const each of logs.splice(0)) await each.close()
  rmSync(directory, { recursive: true })
})

describe('a transaction whose owner runs', () => {
  test('holds readers back for a minute at most, and is aborted then', async () => {
    const owner = await log.openTransactionalWriter('silent')
    write(await owner.openPartition('t', 0), 'k', 'never')
    await owner.flush()
    const world = new ChangedWorld()
    const reader = (await open(world.env)).openReader()
    const partition = await reader.assign('t', 0, 0)
    const writer = log.openWriter()
    write(await writer.openPartition('t', 0), 'k', 'behind')
    await writer.flush()
    const waiting = reader.wait(10 * 60_000)
    const looksIntoJournal = () => world.opened.filter((path) => path.includes('/transactions/')).length
    await expect.poll(looksIntoJournal, { timeout: 20_000 }).toBeGreaterThan(0)
    expect(readAll(partition)).toEqual([])
    world.aheadMs = 60_000
    await waiting
    expect(readAll(partition).map(({ value }) => value)).toEqual(['behind'])
    await expect(owner.commit([])).rejects.toMatchObject({ code: 'WRITER_FENCED' })
    await reader.close()
    await writer.close()
    await owner.close()
  })
})

test('a reader that gets no notification of an append polls every second', async () => {
  const { timers, files, ...rest } = nodeEnv()
  // A wait of a second ends at once, and longer waits never end.
  const after: Timers['after'] = (ms, callback) =>
    ms <= 1000 ? timers.after(0, callback) : { cancel: () => undefined }
  const watch: FileSystem['watch'] = () => ({ close: () => undefined })
  const withoutWatch = await open({ ...rest, timers: { ...timers, after }, files: { ...files, watch } })
  const reader = withoutWatch.openReader()
  const partition = await reader.assign('t', 0, 0)
  const waiting = reader.wait(60_000)
  const writer = log.openWriter()
  write(await writer.openPartition('t', 0), 'k', 'value')
  await writer.flush()
  await waiting
  expect(readAll(partition)).toHaveLength(1)
  await reader.close()
  await writer.close()
})

describe('a journal', () => {
  const journal = () => {
    mkdirSync(`${directory}/transactions`, { recursive: true })
    return new TransactionJournal(nodeEnv().files, directory, 'id@1-1', 'create')
  }

  test('refuses a transaction with more partitions than it has room for', () => {
    const opened = journal()
    const partition = { topic: 't'.repeat(201), topicId: 'i'.repeat(36), partition: 0, end: 1 }
    const producer = { id: 1, epoch: 0 }
    const decided = { ...producer, partitions: Array(5000).fill(partition) }
    expect(() => opened.write({ producer, decided })).toThrow(
      expect.objectContaining({ code: 'TRANSACTION_TOO_LARGE', message: expect.stringContaining('5000 partitions') }),
    )
    opened.close()
  })
})
