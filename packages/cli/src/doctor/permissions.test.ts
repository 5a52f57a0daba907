import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { checkPermissions, type PermissionFacts, readPermissions } from './permissions.ts'

const facts: PermissionFacts = { directory: '/data', uid: 7, owner: 7, mode: 0o700, files: 3, odd: [] }

describe('permissions', () => {
  test('of a directory that only its owner may open are fine', () => {
    expect(checkPermissions(facts)).toMatchObject([{ status: 'ok' }])
    expect(checkPermissions({ ...facts, uid: undefined })).toEqual([])
  })

  test('of a directory of another user are a problem that names both', () => {
    const odd = [{ path: '/data/a', fault: 'unreadable' as const }]
    expect(checkPermissions({ ...facts, owner: 8, odd })).toMatchObject([
      { status: 'problem', what: 'the data directory belongs to user 8, and this is user 7', where: '/data' },
    ])
  })

  test.each([
    ['unreadable', 'problem', 'this user cannot use /data/a, /data/b, /data/c and 1 other path'],
    ['foreign', 'warning', 'another user owns /data/a, /data/b, /data/c and 1 other path'],
    ['open', 'problem', 'other users may open /data/a, /data/b, /data/c and 1 other path'],
  ] as const)('of files that are %s are a %s that names some of them', (fault, status, what) => {
    const odd = ['a', 'b', 'c', 'd'].map((name) => ({ path: `/data/${name}`, fault }))
    expect(checkPermissions({ ...facts, odd })).toMatchObject([{ status, what, where: '/data/a' }])
  })
})

describe('a real directory', () => {
  let directory: string

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-permissions-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    writeFileSync(join(directory, 'token'), 'secret', { mode: 0o600 })
  })

  test('of mode 0755 is a warning, and keeps its mode', () => {
    chmodSync(directory, 0o755)
    expect(checkPermissions(readPermissions(directory))).toMatchObject([
      { status: 'warning', what: 'other users may look into the data directory (mode 0755)' },
    ])
    expect(readPermissions(directory).mode).toBe(0o755)
  })

  test('with a token that others may read is a problem', () => {
    const path = join(directory, 'token')
    expect(readPermissions(directory).odd).toEqual([])
    chmodSync(path, 0o640)
    expect(readPermissions(directory).odd).toEqual([{ path, fault: 'open' }])
  })

  test('protects its sockets: one that others may write to is a problem only if the directory is open', async () => {
    const path = join(directory, 'job.sock')
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(path, resolve))
    onTestFinished(() => void server.close())
    chmodSync(path, 0o777)
    expect(readPermissions(directory).odd).toEqual([])
    chmodSync(directory, 0o755)
    expect(readPermissions(directory).odd).toEqual([{ path, fault: 'open' }])
  })

  test('with a file of another user is a warning', (context) => {
    if (process.getuid?.() !== 0) context.skip('needs root, to give a file away')
    const path = join(directory, 'file')
    writeFileSync(path, '')
    chownSync(path, 12_345, 12_345)
    expect(readPermissions(directory).odd).toEqual([{ path, fault: 'foreign' }])
  })

  test('with a file that this user cannot read is a problem', (context) => {
    if (process.getuid?.() === 0) context.skip('root can read everything')
    const path = join(directory, 'file')
    writeFileSync(path, '', { mode: 0 })
    expect(readPermissions(directory).odd).toEqual([{ path, fault: 'unreadable' }])
  })
})
