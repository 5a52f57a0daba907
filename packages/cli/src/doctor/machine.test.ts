import { describe, expect, test } from 'vitest'
import { checkClock, watchClock } from './clock.ts'
import { checkMemory, type MemoryFacts, readMemory } from './memory.ts'
import { checkOpenFiles, type OpenFileFacts, readOpenFiles } from './open-files.ts'
import { checkVersions, readVersions, type VersionFacts } from './versions.ts'

const MIB = 1024 ** 2
const GIB = 1024 ** 3

describe('versions', () => {
  const facts: VersionFacts = {
    node: '24.1.0',
    program: '/usr/bin/node',
    millrace: '0.1.0',
    engines: '>=22.22',
    platform: 'linux-x64',
    parts: [{ name: 'LevelDB', failure: undefined }],
  }

  test.each(['22.22.0', '22.30.1', '23.0.0'])('Node %s is new enough', (node) => {
    expect(checkVersions({ ...facts, node }).map(({ status }) => status)).toEqual(['ok', 'ok'])
  })

  test.each(['22.21.9', '20.19.0', '9.9.9'])('Node %s is too old', (node) => {
    expect(checkVersions({ ...facts, node })[0]).toMatchObject({
      status: 'problem',
      what: `Node ${node} is too old: Millrace 0.1.0 needs Node >=22.22`,
      where: '/usr/bin/node',
    })
  })

  test('native code that does not load is a problem that names the part and the reason', () => {
    const parts = [{ name: 'locks', failure: 'wrong ELF class' }]
    expect(checkVersions({ ...facts, parts })).toMatchObject([
      { status: 'ok' },
      { status: 'problem', what: 'locks cannot be used on linux-x64: wrong ELF class' },
    ])
  })

  test('this machine runs Millrace', async () => {
    const here = await readVersions()
    expect(here).toMatchObject({ node: process.versions.node, engines: expect.stringMatching(/^>=\d+\.\d+$/) })
    expect(here.parts.map(({ name, failure }) => [name, failure])).toEqual([
      ['LevelDB', undefined],
      ['checksums', undefined],
      ['locks', undefined],
    ])
  })
})

describe('memory', () => {
  const facts: MemoryFacts = {
    heapLimitBytes: 4 * GIB,
    totalBytes: 16 * GIB,
    availableBytes: 8 * GIB,
    isConstrained: false,
  }

  test('enough of it is fine', () => {
    expect(checkMemory(facts)).toMatchObject([{ status: 'ok' }])
  })

  test('a heap that may outgrow the container is a warning with a limit that fits', () => {
    expect(checkMemory({ ...facts, totalBytes: GIB, isConstrained: true })).toMatchObject([
      { status: 'warning', what: 'a heap may grow to 4.0 GiB, and the container has 1.0 GiB' },
    ])
    expect(checkMemory({ ...facts, totalBytes: GIB })[0]?.advice).toContain('--max-old-space-size=819 ')
  })

  test('little that is available is a warning', () => {
    expect(checkMemory({ ...facts, availableBytes: 255 * MIB })).toMatchObject([
      { status: 'warning', what: 'only 255.0 MiB of 16.0 GiB available' },
    ])
  })

  test('the facts of this machine are plausible', () => {
    const { heapLimitBytes, totalBytes, availableBytes } = readMemory()
    expect(heapLimitBytes).toBeGreaterThan(16 * MIB)
    expect(availableBytes).toBeGreaterThan(0)
    expect(availableBytes).toBeLessThanOrEqual(totalBytes)
  })
})

describe('the clock', () => {
  const nowMs = Date.UTC(2027, 0, 1)
  const facts = { nowMs, newest: undefined, jumpMs: 0 }

  test.each([0, Date.UTC(2025, 11, 31), Date.UTC(2100, 0, 2)])('%d cannot be the present time', (wrongMs) => {
    expect(checkClock({ ...facts, nowMs: wrongMs })).toMatchObject([
      { status: 'problem', what: `it shows ${new Date(wrongMs).toISOString()}, which cannot be right` },
    ])
  })

  test('a clock behind the newest change of the log is a warning that names the file', () => {
    const newest = { path: '/data/topics/a/0/tail', modifiedMs: nowMs + 3_600_000 }
    expect(checkClock({ ...facts, newest })).toMatchObject([
      { status: 'warning', what: expect.stringContaining('/data/topics/a/0/tail was written 1 h 0 min later') },
    ])
    expect(checkClock({ ...facts, newest: { ...newest, modifiedMs: nowMs + 59_000 } })).toMatchObject([
      { status: 'ok' },
    ])
  })

  test.each([251, -251])('a jump of %d ms is a warning', (jumpMs) => {
    expect(checkClock({ ...facts, jumpMs })).toMatchObject([
      { status: 'warning', what: expect.stringContaining(`${jumpMs} ms`) },
    ])
    expect(checkClock({ ...facts, jumpMs: jumpMs / 2 })).toMatchObject([{ status: 'ok' }])
  })

  test('a clock that runs steadily has no jump', () => {
    expect(Math.abs(watchClock()())).toBeLessThan(250)
  })
})

describe('open files', () => {
  const facts: OpenFileFacts = {
    filesMax: 20_000,
    watchesMax: 100_000,
    watchFailure: undefined,
    partitions: 1000,
    states: 100,
  }

  test('limits above what a job may need are fine', () => {
    expect(checkOpenFiles(facts).map(({ status }) => status)).toEqual(['ok', 'ok'])
    expect(checkOpenFiles({ ...facts, filesMax: undefined, watchesMax: undefined })).toMatchObject([{ status: 'ok' }])
  })

  test('a lower limit of files is a warning with the number that is needed', () => {
    expect(checkOpenFiles({ ...facts, filesMax: 1024 })[0]).toMatchObject({
      status: 'warning',
      what: 'the limit is 1,024, and a process that uses everything may need 6,664 for 1,000 partitions and 100 local states',
      advice: expect.stringContaining('"ulimit -Hn 6664"'),
    })
  })

  test('fewer watches than partitions, and none at all, are warnings', () => {
    expect(checkOpenFiles({ ...facts, watchesMax: 999 })[1]).toMatchObject({ status: 'warning' })
    expect(checkOpenFiles({ ...facts, watchFailure: 'ENOSPC' })[1]).toMatchObject({
      status: 'warning',
      what: 'no file can be watched now: ENOSPC',
    })
  })

  test('this process has limits, and may watch a file', () => {
    const { filesMax, watchFailure } = readOpenFiles(1, 1)
    expect(filesMax).toBeGreaterThan(64)
    expect(watchFailure).toBeUndefined()
  })
})
