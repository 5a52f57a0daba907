import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryLog } from '@millrace/connectors/memory'
import { int64, job, openTopicWriter, stream, string, topic, tumbling, windowed } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { startContainer } from '@millrace/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { JobWorld } from './job-world.ts'

test('tasks of several subtopologies that share a changelog partition commit separate groups', async () => {
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
  const writer = await openTopicWriter(log, numbers)
  await writer.sendAll(Array.from({ length: 100 }, (_, n) => ({ key: 'a', value: n, timestamp: n })))

  const made = job('shared', latest, counts)
  const container = await startContainer({ job: made, log, env, stateDirectory, untilEnd: true })
  await expect(container.done).resolves.toBeUndefined()
})

test('tasks that share a changelog partition keep their own event time, over restarts and restores', async () => {
  const world = await JobWorld.open()
  onTestFinished(() => world.close())
  const numbers = topic('numbers', { key: string(), value: int64() })
  const finals = topic('finals', { key: windowed(string()), value: int64() })
  const closed = stream(numbers).groupByKey().window(tumbling(10)).count('closed', { emit: 'final' })
  const counts = stream(numbers)
    .groupBy((n) => String(n % 3), string())
    .count('counts')
  const made = job('shared', closed, closed.changes().to(finals), counts)
  await world.topic('numbers')
  await world.topic('finals')
  for (let round = 0; round < 6; round++) {
    const records = Array.from({ length: 15 }, (_, index) => 15 * round + index)
    await world.produce(
      'numbers',
      int64(),
      records.map((n) => ({ key: 'k', value: n, timestamp: n })),
    )
    await world.runToEnd(made)
    if (round % 2 === 1) rmSync(world.stateDirectory, { recursive: true })
    // Each window that the data has closed is sent once, with its ten records.
    const starts = (await world.read('finals', int64())).map(([, count, time]) => [count, time])
    const windows = Math.floor((15 * round + 14) / 10)
    expect(starts, `round ${round}`).toEqual(Array.from({ length: windows }, (_, index) => [10, 10 * index + 9]))
  }
})
