import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { FileSystem, Log } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'

let directory: string
const logs: Log[] = []

async function open(): Promise<Log> {
  const log = await openFileLog({ directory, env: nodeEnv() })
  logs.push(log)
  return log
}

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/millrace-transactions-`)
})

afterEach(async () => {
  for (const log of logs.splice(0)) await log.close()
  rmSync(directory, { recursive: true })
})

const values = async (log: Log, topic: string, partition = 0) => {
  const reader = log.openReader()
  const records = readAll(await reader.assign(topic, partition, 0))
  await reader.close()
  return records.map(({ value }) => value)
}

describe('transactions of the file log', () => {
  test('whose writers were fenced are closed without an error, and so is their log', async () => {
    const log = await open()
    await log.admin.createTopic('t')
    const idle = await log.openTransactionalWriter('id')
    const busy = await log.openTransactionalWriter('id')
    write(await busy.openPartition('t', 0), 'k', 'never')
    const last = await log.openTransactionalWriter('id')
    await idle.close()
    await busy.close()
    write(await last.openPartition('t', 0), 'k', 'value')
    await last.commit([])
    expect(await values(log, 't')).toEqual(['value'])
    await log.close()
  })

  test('are visible together and only once committed', async () => {
    const log = await open()
    await log.admin.createTopic('t', { partitions: 2 })
    const writer = await log.openTransactionalWriter('id')
    const [a, b] = [await writer.openPartition('t', 0), await writer.openPartition('t', 1)]
    write(a, 'k', '1')
    write(b, 'k', '2')
    await writer.flush()
    expect(await values(log, 't', 0)).toEqual([])
    const group = await writer.openGroup('t', 1)
    write(group, 'g', 'group')
    const committing = writer.commit([group])
    write(a, 'k', 'next')
    const [position] = await committing
    expect(position?.nextOffset).toBe(2)
    expect(await values(log, 't', 0)).toEqual(['1'])
    expect(await values(log, 't', 1)).toEqual(['2', 'group'])
    await writer.commit([])
    expect(await values(log, 't', 0)).toEqual(['1', 'next'])
    write(a, 'k', 'never')
    await writer.flush()
    await writer.abort()
    write(a, 'k', 'after')
    await writer.commit([])
    expect(await values(log, 't', 0)).toEqual(['1', 'next', 'after'])
    const all = log.openReader({ isolation: 'uncommitted' })
    expect(readAll(await all.assign('t', 0, 0)).map(({ value }) => value)).toEqual(['1', 'next', 'never', 'after'])
  })

  test('that end soon cost a reader no read of their journal', async () => {
    const log = await open()
    await log.admin.createTopic('t')
    const env = nodeEnv()
    const opened: string[] = []
    const files: FileSystem = {
      ...env.files,
      open: (path, mode) => {
        opened.push(path)
        return env.files.open(path, mode)
      },
    }
    // Its time stands still: to this reader every transaction is soon over.
    const clock = { ...env.clock, monotonic: () => 1_000_000 }
    const watching = await openFileLog({ directory, env: { ...env, clock, files } })
    logs.push(watching)
    const reader = watching.openReader()
    const partition = await reader.assign('t', 0, 0)
    const writer = await log.openTransactionalWriter('id')
    write(await writer.openPartition('t', 0), 'k', 'value')
    await writer.flush()
    const woken = reader.wait(60_000)
    await writer.commit([])
    await woken
    expect(readAll(partition).map(({ value }) => value)).toEqual(['value'])
    expect(opened.filter((path) => path.includes('/transactions/'))).toEqual([])
  })

  test('a second owner of an id fences the first', async () => {
    const log = await open()
    await log.admin.createTopic('t')
    const first = await log.openTransactionalWriter('id')
    const to = await first.openPartition('t', 0)
    write(to, 'k', 'committed')
    await first.commit([])
    write(to, 'k', 'aborted')
    await first.flush()
    const second = await (await open()).openTransactionalWriter('id')
    write(to, 'k', 'late')
    await expect(first.flush()).rejects.toMatchObject({ code: 'WRITER_FENCED' })
    await expect(first.commit([])).rejects.toMatchObject({ code: 'WRITER_FENCED' })
    write(await second.openPartition('t', 0), 'k', 'second')
    await second.commit([])
    expect(await values(log, 't')).toEqual(['committed', 'second'])
  })
})
