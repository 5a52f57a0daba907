import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { freeSocketPath } from './job-socket.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mr-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  vi.stubEnv('TMPDIR', folder)
  onTestFinished(() => void vi.unstubAllEnvs())
})

const long = () => join(folder, 'd'.repeat(100))
const outside = () => join(folder, `millrace-${process.getuid?.()}`)

test('a socket is in the data directory, and the socket of a dead process is removed', () => {
  const path = join(folder, 'data/jobs', `@${process.pid}.sock`)
  mkdirSync(join(folder, 'data/jobs'), { recursive: true })
  writeFileSync(path, '')
  expect(freeSocketPath(join(folder, 'data'))).toBe(path)
  expect(existsSync(path)).toBe(false)
})

test('the socket of a data directory with a long path is in a folder of this user', () => {
  const path = freeSocketPath(long()) ?? ''
  expect(path.startsWith(`${outside()}/`)).toBe(true)
  expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100)
  expect(freeSocketPath(`${long()}2`)).not.toBe(path)
})

test.each(['open to others', 'a link'])('a folder for sockets that is %s is refused', (what) => {
  if (what === 'a link') symlinkSync(folder, outside())
  else {
    mkdirSync(outside())
    chmodSync(outside(), 0o777)
  }
  expect(() => freeSocketPath(long())).toThrowError(expect.objectContaining({ code: 'ADDRESS_REFUSED' }))
})

test('a folder for temporary files whose path is too long as well is named', () => {
  vi.stubEnv('TMPDIR', long())
  expect(() => freeSocketPath(long())).toThrowError(
    expect.objectContaining({
      code: 'ADDRESS_REFUSED',
      message: expect.stringMatching(/d{100}.* bytes, and the maximum is 100\. Set TMPDIR/),
    }),
  )
  expect(existsSync(join(long(), `millrace-${process.getuid?.()}`))).toBe(false)
})

test('a folder for temporary files that is not writable is named', () => {
  const file = join(folder, 'file')
  writeFileSync(file, '')
  vi.stubEnv('TMPDIR', file)
  expect(() => freeSocketPath(long())).toThrowError(
    expect.objectContaining({
      code: 'ADDRESS_REFUSED',
      message: expect.stringMatching(/cannot be created: .*ENOTDIR.*Set TMPDIR/),
    }),
  )
})
