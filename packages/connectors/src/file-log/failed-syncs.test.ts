import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Log } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FileLogOptions, openFileLog } from './file-log.ts'
import { repairPartition } from './inspect/repair-partition.ts'
import { ForgetfulDisk } from './testing/forgetful-disk.ts'
import { TransactionJournal } from './transactions/journal.ts'
import type { JournalRecord } from './transactions/journal-record.ts'
import { readSealed, sealJournal } from './transactions/seal-journal.ts'

let directory: string
let disk: ForgetfulDisk
const logs: Log[] = []

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/millrace-failed-syncs-`)
  disk = new ForgetfulDisk(nodeEnv())
})

afterEach(async () => {
  for (const log of logs.splice(0)) await log.close()
  rmSync(directory, { recursive: true })
})

const isSegment = (path: string) => path.endsWith('.log')
const partition = () => `${directory}/topics/t/0`
const firstSegment = () => `${partition()}/${'0'.repeat(20)}.log`

/** The log as another process opens it. */
async function open(durability: FileLogOptions['durability'] = 'fsync'): Promise<Log> {
  const log = await openFileLog({ directory, env: disk.env, durability })
  logs.push(log)
  return log
}

async function append(log: Log, value: string): Promise<void> {
  const writer = log.openWriter()
  write(await writer.openPartition('t', 0), 'key', value)
  await writer.flush()
}

/** Appends a record that every process can read, and whose sync fails: after that its writer cannot be used. */
async function appendUnsynced(value: string): Promise<void> {
  disk.failSync(isSegment)
  await expect(append(await open(), value)).rejects.toMatchObject({ code: 'LOG_SYNC_FAILED' })
}

/** What a process of the next boot reads. */
async function readAfterPowerCut(): Promise<(string | null)[]> {
  disk.cutPower()
  const log = await open()
  return readAll(await log.openReader().assign('t', 0, 0)).map(({ value }) => value)
}

describe('what another process left unsynced, and a failed sync has lost, is written again', () => {
  test('before the appends behind it are acknowledged', async () => {
    await (await open()).admin.createTopic('t')
    await appendUnsynced('unsynced')
    await append(await open(), 'acknowledged')
    expect(await readAfterPowerCut()).toEqual(['unsynced', 'acknowledged'])
  })

  test('also if the tail, which says how much is synced, is lost', async () => {
    await (await open()).admin.createTopic('t')
    await appendUnsynced('unsynced')
    // A full disk, or the death of its process, cut off a write of the tail.
    const tail = disk.env.files.open(`${partition()}/tail`, 'write')
    tail.truncate(0)
    tail.close()
    await append(await open(), 'acknowledged')
    expect(await readAfterPowerCut()).toEqual(['unsynced', 'acknowledged'])
  })

  test('also if its writer died before the tail knew of it', async () => {
    const log = await open()
    await log.admin.createTopic('t')
    const writer = log.openWriter()
    const to = await writer.openPartition('t', 0)
    const other = disk.env.files.open(firstSegment(), 'write')
    await appendBehindTail('unsynced')
    disk.failSync(isSegment)
    await expect(other.sync()).rejects.toMatchObject({ code: 'EIO' })
    other.close()
    write(to, 'key', 'acknowledged')
    await writer.flush()
    expect(await readAfterPowerCut()).toEqual(['unsynced', 'acknowledged'])
  })

  test('before a segment is closed, also by a writer that promises nothing of its records', async () => {
    await (await open()).admin.createTopic('t', { segmentBytes: 1024 })
    await appendUnsynced('unsynced')
    const large = 'x'.repeat(2000)
    await append(await open('os'), large)
    expect(await readAfterPowerCut()).toEqual(['unsynced', large])
  })

  test('before a repaired partition counts as durable', async () => {
    await (await open()).admin.createTopic('t')
    await append(await open(), 'damaged')
    await appendUnsynced('unsynced')
    const segment = disk.env.files.open(firstSegment(), 'write')
    const byte = Buffer.alloc(1)
    segment.read(byte, 0, 1, 70)
    segment.write(Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, 70)
    segment.close()
    for (const log of logs.splice(0)) await log.close()
    await repairPartition(disk.env, directory, 't', 0)
    await append(await open(), 'acknowledged')
    expect(await readAfterPowerCut()).toEqual(['unsynced', 'acknowledged'])
  })
})

test('a reader reports whether what it has returned is durable, and makes it durable on request', async () => {
  await (await open()).admin.createTopic('t')
  await append(await open(), 'acknowledged')
  await appendUnsynced('unsynced')
  const log = await open()
  const from = await log.openReader().assign('t', 0, 0)
  expect(from.secured).toBe(true)
  expect(readAll(from)).toHaveLength(2)
  expect(from.secured).toBe(false)
  await from.secure()
  expect(from.secured).toBe(true)
  expect(await readAfterPowerCut()).toEqual(['acknowledged', 'unsynced'])
})

describe('a record of a journal whose sync has failed', () => {
  const NAME = 'id@1-1'
  const record = (epoch: number): JournalRecord => ({ producer: { id: 1, epoch }, decided: null })

  test.each([1, 2])('is durable once another process has sealed the journal: record %d', async (last) => {
    disk.env.files.makeDirectory(`${directory}/transactions`)
    const owner = new TransactionJournal(disk.env.files, directory, NAME, 'create')
    for (let epoch = 1; epoch < last; epoch++) {
      owner.write(record(epoch))
      await owner.sync()
    }
    owner.write(record(last))
    disk.failSync(() => true)
    await expect(owner.sync()).rejects.toMatchObject({ code: 'LOG_SYNC_FAILED' })
    owner.close()
    const journal = new TransactionJournal(disk.env.files, directory, NAME, 'update')
    expect(await sealJournal(disk.env, directory, journal)).toEqual(record(last))
    journal.close()
    disk.cutPower()
    expect(readSealed(disk.env.files, directory, NAME)).toEqual(record(last))
  })
})

/** Appends as a process whose disk is full when it moves the tail. */
async function appendBehindTail(value: string): Promise<void> {
  const { env } = disk
  const files: typeof env.files = {
    ...env.files,
    open: (path, mode) => {
      const file = env.files.open(path, mode)
      if (!path.endsWith('/tail')) return file
      const write = () => {
        throw Object.assign(new Error('ENOSPC: write'), { code: 'ENOSPC' })
      }
      return { ...file, write }
    },
  }
  const log = await openFileLog({ directory, env: { ...env, files } })
  await expect(append(log, value)).rejects.toMatchObject({ code: 'LOG_FULL' })
  await log.close()
}
