import { appendFileSync, mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Log } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { watchLocks } from '../testing/watched-locks.ts'
import { readTail, type Tail, writeTail } from './tail.ts'

let directory: string
let logs: Log[]

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/millrace-stretch-`)
  logs = []
})

afterEach(async () => {
  for (const log of logs) await log.close()
  rmSync(directory, { recursive: true })
})

async function open(env = nodeEnv()): Promise<Log> {
  const log = await openFileLog({ directory, env })
  logs.push(log)
  return log
}

const partition = (topic: string) => `${directory}/topics/${topic}/0`
const segments = (topic: string) => readdirSync(partition(topic)).filter((name) => name.endsWith('.log'))

async function append(log: Log, topic: string, count: number): Promise<void> {
  const writer = log.openWriter()
  const to = await writer.openPartition(topic, 0)
  for (let each = 0; each < count; each++) {
    write(to, `k${each % 3}`, 'x'.repeat(400))
    await writer.flush()
  }
  await writer.close()
}

async function commit(log: Log, id: string, topic: string, count: number): Promise<void> {
  const writer = await log.openTransactionalWriter(id)
  const to = await writer.openPartition(topic, 0)
  for (let each = 0; each < count; each++) {
    write(to, `k${each % 3}`, 'x'.repeat(400))
    await writer.commit([])
  }
  await writer.close()
}

test('no process waits for anything while it holds the lock of a partition', async () => {
  const watched = watchLocks(nodeEnv(), (path) => path.endsWith('/tail'))
  const log = await open(watched.env)
  const settings = { segmentBytes: 1024 }
  await log.admin.createTopic('plain', settings)
  await log.admin.createTopic('short', { ...settings, retentionBytes: 2000 })
  await log.admin.createTopic('compacted', { ...settings, cleanup: 'compact' })
  const topics = ['plain', 'short', 'compacted']
  await Promise.all([...topics, ...topics].map((topic) => append(log, topic, 12)))
  await Promise.all(topics.map((topic) => commit(log, topic, topic, 12)))
  for (const topic of topics) await log.admin.clean(topic)
  await log.admin.purge('plain', 0, 10)
  // A writer that is fenced, and an appender that died in the middle.
  const fenced = await log.openTransactionalWriter('fenced')
  write(await fenced.openPartition('plain', 0), 'k', 'never')
  await fenced.flush()
  await log.openTransactionalWriter('fenced')
  appendFileSync(`${partition('plain')}/${segments('plain').at(-1)}`, 'torn')
  await append(log, 'plain', 3)
  // A tail that is lost.
  truncateSync(`${partition('short')}/tail`, 0)
  await append(log, 'short', 3)
  await log.admin.deleteTopic('compacted')
  await log.close()
  expect(watched.waits).toEqual([])
  const sorted = [...watched.heldMs].sort((a, b) => a - b)
  const at = (part: number) => `${((sorted[Math.floor(sorted.length * part)] ?? 0) * 1000).toFixed(0)} µs`
  console.log(`the lock was held ${sorted.length} times: p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(0.9999)}`)
  expect(sorted.length).toBeGreaterThan(200)
})

describe('what a process began and did not finish', () => {
  async function leave(pending: Tail['pending']): Promise<number> {
    const log = await open()
    await log.admin.createTopic('t', { segmentBytes: 1024 })
    await append(log, 't', 1)
    const file = nodeEnv().files.open(`${partition('t')}/tail`, 'write')
    const tail = readTail(file) ?? expect.fail()
    writeTail(file, { ...tail, pending })
    file.close()
    return tail.nextOffset
  }

  test.each([['roll', 2] as const, ['settle', 1] as const])(
    'is finished by the next appender: %s',
    async (pending, count) => {
      await leave(pending)
      await append(await open(), 't', 1)
      expect(segments('t')).toHaveLength(count)
      const log = await open()
      expect(readAll(await log.openReader().assign('t', 0, 0))).toHaveLength(2)
      const file = nodeEnv().files.open(`${partition('t')}/tail`, 'read')
      expect(readTail(file)).toMatchObject({ pending: null, nextOffset: 2 })
      file.close()
    },
  )

  test('is finished by any of several that append at once', async () => {
    await leave('roll')
    await Promise.all([0, 1, 2, 3].map(async () => append(await open(), 't', 3)))
    const records = readAll(await (await open()).openReader().assign('t', 0, 0))
    expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => index))
    expect(records).toHaveLength(13)
  })
})
