import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryLog } from '@millrace/connectors'
import { int64, job, NO_HEADERS, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { startContainer } from '@millrace/runtime'
import { expect, onTestFinished, test } from 'vitest'

test('tasks of several subtopologies that share a changelog partition commit groups of their own', async () => {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'millrace-shared-changelog-'))
  onTestFinished(() => rmSync(stateDirectory, { recursive: true }))
  const env = nodeEnv()
  const log = memoryLog(env)
  const numbers = topic('numbers', { key: string(), value: int64() })
  const latest = stream(numbers).toTable('latest')
  const counts = stream(numbers)
    .groupBy((n) => String(n % 3), string())
    .count('counts')
  await log.admin.createTopic('numbers')
  const writer = log.openWriter()
  const partition = await writer.openPartition('numbers', 0)
  const key = Buffer.from('a')
  for (let n = 0; n < 100; n++) partition.append(n, key, 0, 1, n, int64(), NO_HEADERS)
  await writer.flush()

  const made = job('shared', latest, counts)
  const container = await startContainer({ job: made, log, env, stateDirectory, untilEnd: true })
  await expect(container.done).resolves.toBeUndefined()
})
