import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Env, FileSystem, OpenFile } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFileLog } from './file-log.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/millrace-faults-`)
})

afterEach(() => rmSync(directory, { recursive: true }))

function envWith(change: (files: FileSystem) => Partial<FileSystem>): Env {
  const env = nodeEnv()
  return { ...env, files: { ...env.files, ...change(env.files) } }
}

test('a group writer whose sync failed takes nothing more: the next sync would not tell what was lost', async () => {
  let broken = false
  const failing = (file: OpenFile): OpenFile => ({
    path: file.path,
    read: (...args) => file.read(...args),
    write: (...args) => file.write(...args),
    truncate: (bytes) => file.truncate(bytes),
    size: () => file.size(),
    tryLock: () => file.tryLock(),
    lock: () => file.lock(),
    unlock: () => file.unlock(),
    close: () => file.close(),
    sync: async () => {
      if (broken) throw new Error('EIO')
      await file.sync()
    },
  })
  const env = envWith((files) => ({ open: (path, mode) => failing(files.open(path, mode)) }))
  const log = await openFileLog({ directory, env })
  await log.admin.createTopic('t')
  const group = await log.openWriter().openGroup('t', 0)
  broken = true
  write(group, 'key', 'one')
  await expect(group.commit()).rejects.toMatchObject({ code: 'LOG_SYNC_FAILED' })
  broken = false
  write(group, 'key', 'two')
  await expect(group.commit()).rejects.toMatchObject({ code: 'LOG_SYNC_FAILED' })
  await log.close()
})
