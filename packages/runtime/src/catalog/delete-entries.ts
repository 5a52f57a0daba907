import { type Batch, json, NO_HEADERS, type TopicDescription } from '@millrace/core'
import { readChangelogKey } from '@millrace/state'
import type { Outputs } from '../task/outputs.ts'
import { type ReadFrom, readPartition } from './read-partition.ts'

/** No value is written, so any serde works. */
const NO_VALUE = json<never>()
/** Tombstones in one transaction: with keys of some 50 bytes about a quarter of a megabyte. */
const TOMBSTONES_PER_COMMIT = 5_000

/**
 * Deletes from a changelog the entries of stores that no process reads any more, so that compaction frees the space. No
 * other store ever uses their key prefixes, so deleting twice, or while other processes delete the same, does no harm.
 */
export async function deleteEntries(
  from: ReadFrom,
  outputs: Outputs,
  { name, partitions }: TopicDescription,
  keyNames: readonly string[],
  nowMs: number,
): Promise<void> {
  for (let partition = 0; partition < partitions; partition++) {
    const group = await outputs.openGroup(name, partition)
    let pending = 0
    await readPartition(from, name, partition, async (batch) => {
      while (batch.next()) {
        if (!isObsolete(batch, keyNames)) continue
        group.append(nowMs, batch.bytes, batch.keyStart, batch.keyEnd, null, NO_VALUE, NO_HEADERS)
        if (++pending < TOMBSTONES_PER_COMMIT) continue
        await outputs.commit([group])
        pending = 0
      }
    })
    if (pending > 0) await outputs.commit([group])
  }
}

function isObsolete({ bytes, keyStart, keyEnd, valueStart }: Batch, keyNames: readonly string[]): boolean {
  if (keyStart < 0 || keyStart === keyEnd || valueStart < 0) return false
  const about = readChangelogKey(bytes, keyStart, keyEnd)
  return 'store' in about && keyNames.includes(about.store)
}
