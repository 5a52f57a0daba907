import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { LockingProcess } from '../testing/locking-process.ts'
import { lockHolders, processState } from './process-state.ts'

let file: string

beforeEach(() => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-state-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  file = join(directory, 'file')
  writeFileSync(file, '')
})

test('a process runs, is stopped, and is gone', async () => {
  await using locking = await LockingProcess.start(file)
  expect(processState(locking.pid)).toBe('running')
  locking.stop()
  await vi.waitFor(() => expect(processState(locking.pid)).toBe('stopped'))
  await locking[Symbol.asyncDispose]()
  expect(processState(locking.pid)).toBe('gone')
})

test.runIf(process.platform === 'linux')(
  'the holder of a lock is found, and one that only has the file open is not',
  async () => {
    const other = join(file, '../other')
    writeFileSync(other, '')
    const open = openSync(other, 'r')
    onTestFinished(() => closeSync(open))
    await using locking = await LockingProcess.start(file)
    expect([...lockHolders([file, other])]).toEqual([[file, locking.pid]])
  },
)
