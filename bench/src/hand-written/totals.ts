import { Committer } from './committer.ts'
import { durableCommit } from './durable-commit.ts'
import { openState, readPosition } from './state.ts'
import { TopicReader } from './topic-reader.ts'
import { TopicWriter } from './topic-writer.ts'

const STORE_PREFIX = Buffer.from('totals\0')
/** As many as a job keeps. */
const ENTRIES_MAX = 100_000
/** What a commit leaves of them when there are more, so that the next commits need not drop any. */
const ENTRIES_KEPT = 75_000

interface Entry {
  /** As in LevelDB and in the changelog. */
  readonly key: Buffer
  count: number
  sum: number
  dirty: boolean
}

export interface TotalsByHand<V> {
  readonly data: string
  /** The topic to read. */
  readonly input: string
  /** The topic for the changed total of each record, if there is one. */
  readonly output: string | undefined
  readonly addend: (value: V) => number
}

/**
 * Totals by key by hand, for more keys than fit into memory: a map holds the live ones, a miss reads LevelDB. A commit writes
 * the changed ones to the changelog and to LevelDB, and drops the oldest of the others when the map is full. Continues from
 * the position in LevelDB. Returns how many records it processed.
 */
export async function totalsByHand<V>({ data, input, output, addend }: TotalsByHand<V>): Promise<number> {
  const state = await openState(`${data}/state/by-hand`)
  const start = readPosition(state)
  const records = new TopicReader(`${data}/topics/${input}/0`, start)
  const outputs = output === undefined ? undefined : new TopicWriter(`${data}/topics/${output}/0`)
  // A commit is one batch, so that it is either whole or missing.
  const changelog = new TopicWriter(`${data}/topics/changelog/0`, Number.MAX_SAFE_INTEGER)
  const checkpointKey = Buffer.from(`\0${input}`)
  const entries = new Map<string, Entry>()
  let dirty: Entry[] = []
  const committer = new Committer(() => {
    const offset = start + records.records
    const now = Date.now()
    const batch = state.batch()
    // The commit before is in LevelDB: all that has not changed since can be read again from there.
    if (entries.size > ENTRIES_MAX) dropUnchanged(entries)
    for (const entry of dirty) {
      const text = JSON.stringify({ count: entry.count, sum: entry.sum })
      changelog.append(now, entry.key, 0, entry.key.length, text)
      batch.put(entry.key, Buffer.from(text))
      entry.dirty = false
    }
    dirty = []
    return durableCommit({ output: outputs, changelog, batch, checkpoint: checkpointKey, now, progress: { offset } })
  })
  while (records.nextBatch()) {
    const { bytes } = records
    while (records.next()) {
      const { keyStart, keyEnd } = records
      const number = addend(JSON.parse(bytes.utf8Slice(records.valueStart, records.valueEnd)))
      const id = bytes.latin1Slice(keyStart, keyEnd)
      let entry = entries.get(id)
      if (entry === undefined) {
        entry = readEntry(Buffer.concat([STORE_PREFIX, bytes.subarray(keyStart, keyEnd)]))
        entries.set(id, entry)
      }
      entry.count++
      entry.sum += number
      if (!entry.dirty) {
        entry.dirty = true
        dirty.push(entry)
      }
      outputs?.append(
        records.timestamp,
        bytes,
        keyStart,
        keyEnd,
        JSON.stringify({ count: entry.count, sum: entry.sum }),
      )
    }
    await committer.turn()
  }
  await committer.finish()
  outputs?.close()
  changelog.close()
  await state.close()
  return records.records

  function readEntry(key: Buffer): Entry {
    const stored = state.getSync(key)
    if (stored === undefined) return { key, count: 0, sum: 0, dirty: false }
    const { count, sum } = JSON.parse(stored.utf8Slice(0, stored.length))
    return { key, count, sum, dirty: false }
  }
}

function dropUnchanged(entries: Map<string, Entry>): void {
  for (const [id, { dirty }] of entries) {
    if (entries.size <= ENTRIES_KEPT) return
    if (!dirty) entries.delete(id)
  }
}
