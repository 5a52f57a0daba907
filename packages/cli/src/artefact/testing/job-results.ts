import { int32, type Job, json, string, topic } from '@millrace/core'
import { openTestDriver } from '@millrace/testing'

/** A record for a job under test. The value is written as JSON, and a number as a 32-bit number. */
export interface SentRecord {
  readonly topic: string
  readonly key: string
  readonly value: unknown
  readonly timestamp: number
}

/**
 * All records in all topics after a job has processed some, also in its changelog: its outputs, and the changes of all its
 * stores.
 */
export async function resultsOf(job: Job, records: readonly SentRecord[]): Promise<readonly unknown[]> {
  const driver = await openTestDriver(job)
  try {
    for (const { topic: name, key, value, timestamp } of records) {
      if (typeof value === 'number') {
        await driver.send(topic(name, { key: string(), value: int32() }), { key, value, timestamp })
      } else {
        await driver.send(topic(name, { key: string(), value: json() }), { key, value, timestamp })
      }
    }
    await driver.advance('1d')
    const results: unknown[] = []
    const reader = driver.log.openReader()
    for (const { name } of await driver.log.admin.listTopics()) {
      // The records of a repartition topic are purged when they are processed.
      const { start } = await driver.log.admin.offsets(name, 0)
      const part = await reader.assign(name, 0, start)
      for (let batch = part.poll(); batch !== undefined; batch = part.poll()) {
        while (batch.next()) {
          const { timestamp, bytes, keyStart, keyEnd, valueStart, valueEnd } = batch
          results.push([name, timestamp, text(bytes, keyStart, keyEnd), text(bytes, valueStart, valueEnd)])
        }
      }
    }
    await reader.close()
    return results
  } finally {
    await driver.close()
  }
}

function text(bytes: Buffer, start: number, end: number): string | null {
  return start === -1 ? null : bytes.toString('latin1', start, end)
}
