import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFileLog } from './file-log.ts'
import { type Fault, withFaults } from './testing/faulty-files.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/millrace-failures-`)
})

afterEach(() => rmSync(directory, { recursive: true }))

const open = (fault: Fault = () => undefined) => openFileLog({ directory, env: withFaults(nodeEnv(), fault) })

/** The files of the data directory that this process has open, if the system shows them. */
function openFiles(): string[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`)
      return path.startsWith(directory) ? [path.slice(directory.length)] : []
    } catch {
      return []
    }
  })
}

describe('a group', () => {
  test('whose sync failed is never reported as durable, also by a later commit', async () => {
    let broken = true
    const log = await open((call, path) => (broken && call === 'sync' && path.endsWith('.log') ? 'EIO' : undefined))
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('w')
    const group = await writer.openGroup('t', 0)
    write(group, 'k', 'in doubt')
    await expect(writer.commit([group])).rejects.toMatchObject({ code: 'LOG_SYNC_FAILED' })
    broken = false
    write(group, 'k', 'after')
    await expect(writer.commit([group])).rejects.toMatchObject({ code: 'LOG_SYNC_FAILED' })
    await log.close()
  })

  test('whose commit failed after its write is in the log only once', async () => {
    let broken = false
    const log = await open((call, path) => (broken && call === 'write' && path.endsWith('tail') ? 'EIO' : undefined))
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('w')
    const group = await writer.openGroup('t', 0)
    broken = true
    write(group, 'k', 'v')
    await expect(writer.commit([group])).rejects.toMatchObject({ code: 'LOG_WRITE_FAILED' })
    broken = false
    await expect(writer.commit([group])).rejects.toMatchObject({ code: 'LOG_WRITE_FAILED' })
    await log.close()
    const again = await open()
    const reader = again.openReader({ isolation: 'uncommitted' })
    expect(readAll(await reader.assign('t', 0, 0))).toHaveLength(1)
    await again.close()
  })
})

test.each(['open', 'write', 'sync', 'syncDirectory', 'truncate', 'rename', 'remove'] as const)(
  'after a failed %s every error has a code, and closing leaves no file open',
  async (failing) => {
    const made = await open()
    await made.admin.createTopic('plain', { segmentBytes: 1024 })
    await made.admin.createTopic('compact', { segmentBytes: 1024, cleanup: 'compact' })
    await made.close()
    for (let at = 0; at < 12; at++) {
      let left = -1
      const log = await open((call) => (call === failing && left-- === 0 ? 'ENOSPC' : undefined))
      const writer = log.openWriter()
      left = at
      const act = async () => {
        const plain = await writer.openPartition('plain', 0)
        const changes = await log.openTransactionalWriter('w')
        const compact = await changes.openGroup('compact', 0)
        for (let round = 0; round < 3; round++) {
          write(plain, 'k', 'v'.repeat(1100))
          await writer.flush()
          write(compact, 'k', 'v'.repeat(1100))
          await changes.commit([compact])
        }
        await log.admin.clean('compact')
      }
      // If the cleaning of a log met a failed sync, the log reports it when it is closed, at the latest.
      for (const end of [act, () => writer.close(), () => log.close()]) {
        const error = await end().catch((error: unknown) => error)
        if (error !== undefined) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^LOG_/) })
        }
        left = -1
      }
      expect(openFiles()).toEqual([])
    }
  },
)

test('a sync that failed in the background stops the writers of the log, and closing it reports the error too', async () => {
  let failed: PromiseWithResolvers<void> | undefined
  let replaced = false
  const log = await open((call, path) => {
    if (call === 'remove' && path.endsWith('.index') && failed !== undefined) replaced = true
    if (call !== 'syncDirectory' || !replaced) return undefined
    replaced = false
    failed?.resolve()
    return 'EIO'
  })
  await log.admin.createTopic('t', { segmentBytes: 1024, cleanup: 'compact' })
  const writer = log.openWriter()
  const t = await writer.openPartition('t', 0)
  const transactional = await log.openTransactionalWriter('w')
  const group = await transactional.openGroup('t', 0)
  failed = Promise.withResolvers<void>()
  write(t, 'k', 'v'.repeat(1100))
  await writer.flush()
  await failed.promise
  await new Promise(setImmediate)
  write(t, 'k', 'its segment is closed by nobody: only the cleaning has failed')
  await expect(writer.flush()).rejects.toMatchObject({ code: 'LOG_SYNC_FAILED' })
  write(group, 'k', 'v')
  await expect(transactional.commit([group])).rejects.toMatchObject({ code: 'LOG_SYNC_FAILED' })
  await expect(log.close()).rejects.toMatchObject({ code: 'LOG_SYNC_FAILED' })
  expect(openFiles()).toEqual([])
})

describe('a transactional writer', () => {
  test('reports that the disk is full when its journal cannot be written, and has committed nothing', async () => {
    let full = false
    const log = await open((call, path) => {
      return full && call === 'write' && path.includes('/transactions/') ? 'ENOSPC' : undefined
    })
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('w')
    const group = await writer.openGroup('t', 0)
    write(group, 'k', 'v')
    full = true
    await expect(writer.commit([group])).rejects.toMatchObject({ code: 'LOG_FULL' })
    await writer.close()
    full = false
    expect(readAll(await log.openReader().assign('t', 0, 0))).toEqual([])
    await log.close()
  })

  test('that cannot remove its journal reports it, and releases its lock', async () => {
    const name = 'w@1-'
    const log = await open((call, path) => {
      return call === 'remove' && path.includes(`/transactions/${name}`) ? 'EIO' : undefined
    })
    await log.openTransactionalWriter('w')
    await expect(log.close()).rejects.toMatchObject({
      code: 'LOG_WRITE_FAILED',
      message: expect.stringContaining(`${directory}/transactions/${name}`),
    })
    expect(openFiles()).toEqual([])
    const reopened = await open()
    await reopened.openTransactionalWriter('w')
    await reopened.close()
  })
})

test('a reader that cannot watch a partition still polls it, and leaves no watch behind', async () => {
  const env = nodeEnv()
  let watches = 0
  const files = {
    ...env.files,
    watch: (path: string, changed: () => void) => {
      if (path.includes('/b/')) throw Object.assign(new Error('ENOSPC: watch'), { code: 'ENOSPC' })
      watches++
      const watcher = env.files.watch(path, changed)
      return {
        close: () => {
          watches--
          watcher.close()
        },
      }
    },
  }
  const log = await openFileLog({ directory, env: { ...env, files } })
  await log.admin.createTopic('a')
  await log.admin.createTopic('b')
  const reader = log.openReader()
  await reader.assign('a', 0, 0)
  const b = await reader.assign('b', 0, 0)
  const waiting = reader.wait(30_000)
  const writer = log.openWriter()
  write(await writer.openPartition('b', 0), 'k', 'v')
  await writer.flush()
  await waiting
  while (readAll(b).length === 0) await reader.wait(30_000)
  expect(watches).toBe(0)
  await log.close()
})

test('a topic that can neither be created nor removed reports why it could not be created', async () => {
  const env = nodeEnv()
  const failed = () => {
    throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
  }
  const files = { ...env.files, rename: failed, removeTree: failed }
  const first = await open(() => undefined)
  await first.close()
  const log = await openFileLog({ directory, env: { ...env, files } })
  await expect(log.admin.createTopic('t')).rejects.toMatchObject({ code: 'LOG_FULL' })
  await log.close()
})

test('a disk that fails while a partition is read is reported by code', async () => {
  let failing = false
  const log = await open((call) => (failing && call === 'open' ? 'EIO' : undefined))
  await log.admin.createTopic('t')
  const writer = log.openWriter()
  const to = await writer.openPartition('t', 0)
  write(to, 'k', 'one')
  write(to, 'k', 'two')
  await writer.flush()
  const reader = await log.openReader().assign('t', 0, 1)
  failing = true
  expect(() => reader.poll()).toThrow(expect.objectContaining({ code: 'LOG_WRITE_FAILED' }))
  failing = false
  await log.close()
})

test('a disk that fails while a reader makes records durable is reported by code', async () => {
  let failing = false
  const log = await open((call, path) => (failing && call === 'write' && path.endsWith('.log') ? 'EIO' : undefined))
  await log.admin.createTopic('t')
  const writer = log.openWriter()
  write(await writer.openPartition('t', 0), 'k', 'not flushed')
  writer.send()
  const reader = await log.openReader().assign('t', 0, 0)
  await expect.poll(() => readAll(reader).length).toBe(1)
  failing = true
  expect(reader.secured).toBe(false)
  await expect(reader.secure()).rejects.toMatchObject({ code: 'LOG_WRITE_FAILED' })
  failing = false
  await reader.secure()
  expect(reader.secured).toBe(true)
  await log.close()
})
