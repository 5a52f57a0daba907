import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, onTestFinished, test } from 'vitest'
import { nodeFileSystem } from './file-system.ts'

test('removing a file that does not exist succeeds, and any other error has its code', () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-files-`)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const files = nodeFileSystem()
  files.remove(`${directory}/missing`)
  mkdirSync(`${directory}/inside`)
  expect(() => files.remove(`${directory}/inside`)).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/^E[A-Z]+$/), syscall: 'unlink' }),
  )
})

test('a linked file stays under its second name when the first is removed', () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-files-`)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const files = nodeFileSystem()
  const file = files.open(`${directory}/file`, 'write')
  file.write(Buffer.from('content'), 0, 7, 0)
  file.close()
  files.link(`${directory}/file`, `${directory}/other`)
  expect(() => files.link(`${directory}/file`, `${directory}/other`)).toThrow(
    expect.objectContaining({ code: 'EEXIST' }),
  )
  files.remove(`${directory}/file`)
  expect(files.stat(`${directory}/other`)?.bytes).toBe(7)
})

test('a closed file touches no other file, though the kernel has given its descriptor to that file', async () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-files-`)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const files = nodeFileSystem()
  const closed = files.open(`${directory}/closed`, 'write')
  const syncing = closed.sync()
  closed.close()
  await syncing
  const other = files.open(`${directory}/other`, 'write')
  const bytes = Buffer.from('late')
  const calls = [
    () => closed.write(bytes, 0, 4, 0),
    () => closed.truncate(100),
    () => closed.read(bytes, 0, 4, 0),
    () => closed.size(),
    () => closed.tryLock(),
  ]
  for (const call of calls) expect(call).toThrow(expect.objectContaining({ code: 'EBADF' }))
  await expect(closed.sync()).rejects.toMatchObject({ code: 'EBADF' })
  await expect(closed.lock()).rejects.toMatchObject({ code: 'EBADF' })
  closed.close()
  expect(other.size()).toBe(0)
  other.close()
})

test('a file that is closed while something waits for its lock does not take it any more', async () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-files-`)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const files = nodeFileSystem()
  const path = `${directory}/lock`
  const holder = files.open(path, 'write')
  await holder.lock()
  const waiter = files.open(path, 'write')
  const waiting = waiter.lock()
  waiter.close()
  holder.close()
  await expect(waiting).rejects.toMatchObject({ code: 'EBADF' })
  const next = files.open(path, 'write')
  expect(next.tryLock()).toBe(true)
  next.close()
})

test('a lock that was held for long is taken soon after its release, and not before the code that waits for it runs', async () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-files-`)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const files = nodeFileSystem()
  const [holder, waiter] = [files.open(`${directory}/lock`, 'write'), files.open(`${directory}/lock`, 'write')]
  expect(holder.tryLock()).toBe(true)
  let runs = false
  const waiting = waiter.lock().then(() => {
    runs = true
  })
  await new Promise((resolve) => setTimeout(resolve, 800))
  holder.unlock()
  // A process that looks before the code of the waiter runs finds the lock free.
  expect(holder.isLocked()).toBe(false)
  const startedMs = performance.now()
  while (!runs) {
    const isLocked = holder.isLocked()
    await new Promise(setImmediate)
    if (isLocked) expect(runs).toBe(true)
  }
  await waiting
  expect(performance.now() - startedMs).toBeLessThan(200)
  expect(holder.isLocked()).toBe(true)
  for (const file of [holder, waiter]) file.close()
})

test('a lock is visible to files that do not hold it, and a look does not take it', () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-files-`)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const files = nodeFileSystem()
  const holder = files.open(`${directory}/lock`, 'write')
  const [reads, writes] = [files.open(`${directory}/lock`, 'read'), files.open(`${directory}/lock`, 'write')]
  const seen = () => [reads.isLocked(), writes.isLocked(), reads.isLocked()]
  expect(seen()).toEqual([false, false, false])
  expect(holder.tryLock()).toBe(true)
  expect(seen()).toEqual([true, true, true])
  expect(writes.tryLock()).toBe(false)
  holder.unlock()
  expect(seen()).toEqual([false, false, false])
  expect(writes.tryLock()).toBe(true)
  for (const file of [holder, reads, writes]) file.close()
})

test('a directory is made with its parents, and one that exists is left as it is', () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-files-`)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const files = nodeFileSystem()
  for (let again = 0; again < 2; again++) files.makeDirectory(`${directory}/one/two/three`)
  expect(files.stat(`${directory}/one/two/three`)?.directory).toBe(true)
  files.open(`${directory}/file`, 'write').close()
  expect(() => files.makeDirectory(`${directory}/file`)).toThrow(expect.objectContaining({ code: 'EEXIST' }))
  expect(() => files.makeDirectory(`${directory}/file/in/side`)).toThrow(
    expect.objectContaining({ code: 'ENOTDIR', path: `${directory}/file/in/side` }),
  )
})

test.runIf(process.platform === 'linux')('a directory that cannot be in its file system is refused at once', () => {
  expect(() => nodeFileSystem().makeDirectory('/proc/millrace/inside')).toThrow(
    expect.objectContaining({ code: 'ENOENT', syscall: 'mkdir' }),
  )
})
