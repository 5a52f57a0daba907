import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { checkDisk, type DiskFacts, type ProbeFacts, readDisk } from './disk.ts'
import { fileSystemKind } from './file-system-kind.ts'

const MIB = 1024 ** 2

const works: ProbeFacts = { hardLinks: true, locks: true, sync: true, syncMs: 1 }
const facts: DiskFacts = {
  name: 'Disk',
  path: '/data',
  freeBytes: 2048 * MIB,
  freeFiles: 100_000,
  kind: { name: 'ext4', trait: 'local' },
  probe: works,
}

const statuses = (disk: DiskFacts) => checkDisk(disk).map(({ check, status }) => `${check} ${status}`)

describe('a disk', () => {
  test('with room, on a local file system, is fine', () => {
    expect(statuses(facts)).toEqual(['Disk: space ok', 'Disk: file system ok', 'Disk: abilities ok'])
  })

  test.each([
    [1023, 'warning'],
    [99, 'problem'],
  ])('with %d MiB free is a %s that names the space and what to do', (freeMib, status) => {
    expect(checkDisk({ ...facts, freeBytes: freeMib * MIB })[0]).toMatchObject({
      status,
      what: `only ${freeMib}.0 MiB free`,
      where: '/data',
      advice: expect.stringContaining('millrace topics list'),
    })
  })

  test('of temporary files needs less room, and nothing else', () => {
    expect(statuses({ ...facts, probe: undefined, freeBytes: 200 * MIB })).toEqual(['Disk: space ok'])
    expect(statuses({ ...facts, probe: undefined, freeBytes: 99 * MIB })).toEqual(['Disk: space warning'])
  })

  test('without free inodes is a problem', () => {
    expect(statuses({ ...facts, freeFiles: 999 })).toContain('Disk: files problem')
    expect(statuses({ ...facts, freeFiles: undefined })).not.toContain('Disk: files problem')
  })

  test.each([
    ['network', 'problem'],
    ['memory', 'warning'],
    ['container', 'warning'],
    ['unknown', 'ok'],
  ] as const)('on a file system of the kind %s: %s', (trait, status) => {
    expect(statuses({ ...facts, kind: { name: 'X', trait } })).toContain(`Disk: file system ${status}`)
  })

  test.each([
    ['hardLinks', 'hard links'],
    ['locks', 'locks'],
    ['sync', 'fsync'],
  ] as const)('without %s is a problem with the reason', (ability, name) => {
    expect(checkDisk({ ...facts, probe: { ...works, [ability]: 'EPERM' } })).toContainEqual(
      expect.objectContaining({ status: 'problem', check: `Disk: ${name}`, what: expect.stringContaining('EPERM') }),
    )
  })

  test('that no file can be made on is a problem; one that syncs slowly is a warning', () => {
    expect(statuses({ ...facts, probe: 'EACCES' })).toContain('Disk: writing problem')
    expect(statuses({ ...facts, probe: { ...works, syncMs: 251 } })).toContain('Disk: fsync warning')
  })
})

describe('the disk of a real directory', () => {
  let directory: string

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-disk-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
  })

  test('can do what the log needs, and is left as it was', async () => {
    const disk = await readDisk('Disk', directory, true)
    expect(disk).toMatchObject({ path: directory, probe: { hardLinks: true, locks: true, sync: true } })
    expect(disk.freeBytes).toBeGreaterThan(0)
    expect(readdirSync(directory)).toEqual([])
  })

  test('is that of the nearest directory above, if it does not exist yet', async () => {
    expect((await readDisk('Disk', join(directory, 'a/b'), false)).path).toBe(directory)
  })

  test('is in memory and full, if it is a full tmpfs', async (context) => {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) {
      if (process.env['CI'] === 'true') throw new Error('this needs root on Linux, which CI has')
      context.skip('needs root on Linux, to mount a small disk')
    }
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,nr_inodes=64', 'none', directory])
    onTestFinished(() => void execFileSync('umount', ['-l', directory]))
    writeFileSync(join(directory, 'filler'), Buffer.alloc(3 * MIB))
    const findings = checkDisk(await readDisk('Disk', directory, true))
    expect(findings).toMatchObject([
      { status: 'problem', check: 'Disk: space', what: 'only 1.0 MiB free' },
      { status: 'problem', check: 'Disk: files' },
      { status: 'warning', check: 'Disk: file system', what: 'tmpfs is in memory' },
      { status: 'ok', check: 'Disk: abilities' },
    ])
  })
})

test('a file system is named by its number on Linux, and by none elsewhere', () => {
  expect(fileSystemKind(0x6969, 'linux')).toEqual({ name: 'NFS', trait: 'network' })
  // The number of CIFS is negative as a signed number.
  expect(fileSystemKind(-11_317_950, 'linux')).toEqual({ name: 'CIFS', trait: 'network' })
  expect(fileSystemKind(1, 'linux')).toEqual({ name: 'not known (type 0x1)', trait: 'unknown' })
  expect(fileSystemKind(0x6969, 'darwin').trait).toBe('unknown')
})
