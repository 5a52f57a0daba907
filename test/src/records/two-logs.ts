import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { openFileLog } from '@millrace/connectors/file'
import { memoryLog } from '@millrace/connectors/memory'
import { type Env, type Log, readTopic, type Topic, type TopicRecord } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { onTestFinished } from 'vitest'

/** What the log's clock shows. */
export const NOW_MS = 1_000_000

export const LOG_KINDS = ['memory', 'file'] as const

/** A log that is closed, with its directory removed, when the test is over. Its clock stands still. */
export async function openTestLog(kind: (typeof LOG_KINDS)[number]): Promise<Log> {
  const node = nodeEnv()
  const env: Env = { ...node, clock: { now: () => NOW_MS, monotonic: () => node.clock.monotonic() } }
  const directory = mkdtempSync(`${tmpdir()}/millrace-records-`)
  const log = kind === 'memory' ? memoryLog(env) : await openFileLog({ directory, env, durability: 'os' })
  onTestFinished(async () => {
    await log.close()
    rmSync(directory, { recursive: true })
  })
  return log
}

/** The records of a topic, partition by partition. */
export async function recordsOf<K, V>(log: Log, topic: Topic<K, V>): Promise<TopicRecord<K, V>[]> {
  const records = await collected(readTopic(log, topic, { untilEnd: true }))
  return records.sort((a, b) => a.partition - b.partition)
}

export async function collected<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const each of source) found.push(each)
  return found
}
