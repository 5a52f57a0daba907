import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { FileSystem } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { changedFile } from '../testing/changed-file.ts'
import { withoutSyncs } from '../testing/unsynced-files.ts'
import { verifyEnds } from './verify-ends.ts'
import { verifyPartition } from './verify-partition.ts'

const BATCHES = 12
const BATCH_BYTES = 100_000

let data: string
let directory: string

/** A partition of four segments; each has an index with several entries. */
beforeEach(async () => {
  data = mkdtempSync(`${tmpdir()}/millrace-ends-`)
  onTestFinished(() => rmSync(data, { recursive: true }))
  directory = `${data}/topics/t/0`
  const log = await openFileLog({ directory: data, env: withoutSyncs(nodeEnv()) })
  await log.admin.createTopic('t', { segmentBytes: 350_000 })
  const writer = log.openWriter()
  const partition = await writer.openPartition('t', 0)
  for (let batch = 0; batch < BATCHES - 1; batch++) {
    write(partition, 'k', 'x'.repeat(BATCH_BYTES))
    await writer.flush()
  }
  await log.close()
})

const segments = () => readdirSync(directory).filter((name) => name.endsWith('.log'))
const { files } = nodeEnv()
const ends = (given: FileSystem = files) => verifyEnds(given, data, 't', 0)
const all = () => verifyPartition(files, data, 't', 0)

/** Files that count the bytes that are read of segments. */
function counted(): { readonly files: FileSystem; bytes: number } {
  const world = { files, bytes: 0 }
  world.files = {
    ...files,
    open: (path, mode) => {
      const file = files.open(path, mode)
      if (!path.endsWith('.log')) return file
      return changedFile(file, {
        read: (...args) => {
          const read = file.read(...args)
          world.bytes += read
          return read
        },
      })
    },
  }
  return world
}

test('a partition without damage has no problems, and little of it is read', () => {
  expect(segments()).toHaveLength(3)
  const world = counted()
  expect(ends(world.files).problems).toEqual([])
  const size = segments().reduce((sum, name) => sum + statSync(`${directory}/${name}`).size, 0)
  expect(world.bytes).toBeLessThan(size / 4)
})

test('after a restart of the machine, what was synced must be there, and what was not may be missing', () => {
  const restarted = { ...files, boot: 'another' }
  expect(ends(restarted).problems).toEqual([])
  const path = `${directory}/${segments().at(-1)}`
  writeFileSync(path, Buffer.alloc(5000), { flag: 'a' })
  expect(ends(restarted).problems.map(({ severity }) => severity)).not.toContain('damage')
  truncateSync(path, 1000)
  expect(ends(restarted).problems.map(({ severity }) => severity)).toContain('damage')
})

test.each([0, 1, 2])('a change in the first header of segment %d is reported as by a whole verification', (number) => {
  const path = `${directory}/${segments()[number]}`
  const content = readFileSync(path)
  // Of the base offset, the length and the magic. Only a whole verification checks what the batch's checksum covers.
  for (const at of [0, 7, 8, 16]) {
    const changed = Buffer.from(content)
    changed[at] = (changed[at] ?? 0) ^ 1
    writeFileSync(path, changed)
    expect(ends().problems, `byte ${at}`).toEqual(all().problems)
    expect(ends().problems.map(({ severity }) => severity)).toContain('damage')
  }
})

test('a change in the last batch is reported as by a whole verification', () => {
  const path = `${directory}/${segments().at(-1)}`
  const content = readFileSync(path)
  content[content.length - 50] = (content.at(-50) ?? 0) ^ 1
  writeFileSync(path, content)
  expect(ends().problems).toMatchObject([{ severity: 'damage', offset: BATCHES - 2 }])
  expect(ends().problems).toEqual(all().problems)
})

test.each([0, 1, 2])(
  'a segment %d that is cut off, empty or missing is reported as by a whole verification',
  (number) => {
    const path = `${directory}/${segments()[number]}`
    const { size } = statSync(path)
    for (const bytes of [size - 1, 70, 5, 0]) {
      truncateSync(path, bytes)
      expect(ends().problems, `${bytes} bytes`).toEqual(all().problems)
      expect(ends().problems.map(({ severity }) => severity)).toContain('damage')
    }
    rmSync(path)
    expect(ends().problems).toEqual(all().problems)
    expect(ends().problems.map(({ severity }) => severity)).toContain('damage')
  },
)

test('the torn end of an append, and a lost tail, do not count as damage', () => {
  writeFileSync(`${directory}/${segments().at(-1)}`, 'torn', { flag: 'a' })
  expect(ends().problems).toMatchObject([{ severity: 'torn' }])
  rmSync(`${directory}/tail`)
  expect(ends().problems.map(({ severity }) => severity)).not.toContain('damage')
})

test('damage in the middle of a segment is left to a whole verification', () => {
  const path = `${directory}/${segments()[0]}`
  const content = readFileSync(path)
  content[150_000] = (content[150_000] ?? 0) ^ 1
  writeFileSync(path, content)
  expect(all().problems).toHaveLength(1)
  expect(ends().problems).toEqual([])
})
