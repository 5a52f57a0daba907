import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { FileSystem } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { expect, onTestFinished, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { withoutSyncs } from '../testing/unsynced-files.ts'
import { verifyPartition } from './verify-partition.ts'

/** A partition of two segments, the first of which is damaged. */
async function damagedPartition(): Promise<string> {
  const directory = mkdtempSync(`${tmpdir()}/millrace-verify-`)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const log = await openFileLog({ directory, env: withoutSyncs(nodeEnv()) })
  await log.admin.createTopic('t', { segmentBytes: 1024 })
  const writer = log.openWriter()
  const partition = await writer.openPartition('t', 0)
  for (let batch = 0; batch < 2; batch++) {
    write(partition, 'k', 'x'.repeat(1500))
    await writer.flush()
  }
  await log.close()
  const segment = `${directory}/topics/t/0/${'0'.repeat(20)}.log`
  const bytes = readFileSync(segment)
  bytes[500] = 0
  writeFileSync(segment, bytes)
  return directory
}

/** Files whose segments change during each of the first `looks` looks at the partition. */
function affected(looks: number): { readonly files: FileSystem; lists: number } {
  const { files } = nodeEnv()
  const world = { files, lists: 0 }
  world.files = {
    ...files,
    list: (path) => {
      world.lists++
      return files.list(path)
    },
    stat: (path) => {
      const found = files.stat(path)
      const affects = found !== undefined && path.endsWith('.log') && world.lists <= looks
      return affects ? { ...found, modifiedMs: found.modifiedMs + world.lists } : found
    },
  }
  return world
}

test('damage that was found while segments changed is checked again, and reported once they stop changing', async () => {
  const data = await damagedPartition()
  const still = affected(0)
  expect(verifyPartition(still.files, data, 't', 0).problems).toHaveLength(1)
  const once = affected(still.lists)
  expect(verifyPartition(once.files, data, 't', 0).problems).toHaveLength(1)
  expect(once.lists).toBe(2 * still.lists)
})

test('a partition whose segments never stop changing is reported after five looks', async () => {
  const data = await damagedPartition()
  const still = affected(0)
  verifyPartition(still.files, data, 't', 0)
  const always = affected(Number.POSITIVE_INFINITY)
  expect(verifyPartition(always.files, data, 't', 0).problems).toHaveLength(1)
  expect(always.lists).toBe(5 * still.lists)
})
