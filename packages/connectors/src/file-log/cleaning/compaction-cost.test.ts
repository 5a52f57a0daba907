import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { FileSystem } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { expect, onTestFinished, test } from 'vitest'
import { openFileLog } from '../file-log.ts'

test('compaction behind appends writes each byte a bounded number of times, however long a topic grows', async () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-compaction-cost-`)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  let written = 0
  const { files, ...rest } = nodeEnv()
  const open: FileSystem['open'] = (path, mode) => {
    const file = files.open(path, mode)
    if (!path.includes('/topics/')) return file
    const write = file.write.bind(file)
    file.write = (buffer, offset, length, position) => {
      written += length
      write(buffer, offset, length, position)
    }
    return file
  }
  let appended = 0
  for (let segment = 0; segment < 30; segment++) {
    const log = await openFileLog({ directory, env: { ...rest, files: { ...files, open } }, durability: 'os' })
    if (segment === 0) await log.admin.createTopic('t', { cleanup: 'compact', segmentBytes: 8192 })
    const writer = log.openWriter()
    const partition = await writer.openPartition('t', 0)
    for (let record = 0; record < 10; record++) {
      write(partition, `key ${segment} ${record}`, 'x'.repeat(1000))
      appended += 1000
    }
    await writer.flush()
    await writer.close()
    // Waits for the cleaning after the appends.
    await log.close()
  }
  expect(written / appended).toBeLessThan(5)
})
