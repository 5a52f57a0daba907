import { ok } from 'node:assert'
import { mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { openFileLog } from '@millrace/connectors/file'
import { json, NO_HEADERS } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { measure } from '../child/measure.ts'
import { withRunDirectory } from '../run-directory.ts'
import { table } from '../table.ts'

/** Of about 30 a record: several segments, whatever the number of keys; 80 MB at 20 million, as large as a changelog's. */
const SEGMENT_BYTES_PER_KEY = 4

/** Compacts a partition in which every key is new, and again after every key was written once more. */
export async function runCompaction(keys: number): Promise<string> {
  return withRunDirectory(undefined, async (data) => {
    const rows: string[][] = []
    for (const name of ['every key once', 'every key twice']) {
      await appendKeys(data, keys)
      const before = await sizeOf(data)
      const measured = await measure('works/compact.ts', { data })
      const { records, bytes } = await sizeOf(data)
      // The active segment is not compacted.
      ok(records >= keys && (before.records < 2 * keys || records < before.records), `${records} records are left`)
      rows.push([
        name,
        ((before.bytes - bytes) / 1e6).toFixed(0),
        ((measured.endMs - measured.startMs) / 1000).toFixed(1),
        measured.cpuSeconds.toFixed(1),
        measured.memoryPeakMb.toFixed(0),
        (measured.found[0] ?? 0).toFixed(1),
      ])
    }
    const head = ['MB saved', 'seconds', 'CPU seconds', 'peak memory, MB', 'longest block, ms']
    return table([`${keys} keys`, ...head], rows)
  })
}

/** Appends every key once, and prevents compaction meanwhile: the whole compaction is to be measured. */
async function appendKeys(data: string, keys: number): Promise<void> {
  const log = await openFileLog({ directory: data, env: nodeEnv(), durability: 'os' })
  if ((await log.admin.describeTopic('keys')) === undefined) {
    await log.admin.createTopic('keys', { cleanup: 'compact', segmentBytes: SEGMENT_BYTES_PER_KEY * keys })
  }
  const cleaner = `${data}/topics/keys/0/cleaner`
  rmSync(cleaner, { force: true })
  mkdirSync(cleaner)
  const writer = log.openWriter()
  const to = await writer.openPartition('keys', 0)
  const value = json<number>()
  for (let index = 0; index < keys; index++) {
    const key = Buffer.from(`customer-${index}`)
    to.append(index, key, 0, key.length, index, value, NO_HEADERS)
    if (writer.backlogged) await writer.flush()
  }
  await writer.flush()
  await log.close()
  rmdirSync(cleaner)
}

/** The records of the topic, and their bytes. */
async function sizeOf(data: string): Promise<{ records: number; bytes: number }> {
  const log = await openFileLog({ directory: data, env: nodeEnv() })
  const reader = await log.openReader().assign('keys', 0, 0)
  let records = 0
  for (let batch = reader.poll(); batch !== undefined; batch = reader.poll()) while (batch.next()) records++
  const bytes = await log.admin.sizeBytes('keys')
  await log.close()
  return { records, bytes }
}
