import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'

test('appends that continue while a flush begins a new segment are neither lost nor written twice', async () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-appender-`)
  const env = nodeEnv()
  const log = await openFileLog({ directory, env })
  await log.admin.createTopic('t', { segmentBytes: 1_000_000 })
  const writer = log.openWriter()
  const partition = await writer.openPartition('t', 0)
  const large = 'x'.repeat(250_000)
  let count = 0
  for (let round = 0; round < 10; round++) {
    let flushed = false
    void writer.flush().then(() => {
      flushed = true
    })
    while (!flushed) {
      // A full batch is written to the file at once, in the middle of the flush.
      for (let index = 0; index < 5; index++) write(partition, `${count++}`, large)
      await env.timers.turn()
    }
  }
  await writer.flush()
  const records = readAll(await log.openReader().assign('t', 0, 0))
  expect(records.length).toBe(count)
  expect(records.every(({ key, offset }, index) => key === `${index}` && offset === index)).toBe(true)
  await log.close()
  rmSync(directory, { recursive: true })
})
