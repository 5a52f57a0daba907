import { immediate, text } from '../child/work.ts'
import type { Airport } from '../flights/airports.ts'
import type { Flight } from '../flights/flight.ts'
import { Committer } from '../hand-written/committer.ts'
import { durableCommit } from '../hand-written/durable-commit.ts'
import { MergedReader } from '../hand-written/merged-reader.ts'
import { openState } from '../hand-written/state.ts'
import { TopicReader } from '../hand-written/topic-reader.ts'
import { TopicWriter } from '../hand-written/topic-writer.ts'

const STORE_PREFIX = 'airports\0'
const CHECKPOINT_KEY = Buffer.from('\0inputs')

export default immediate((options) => locatedFlightsByHand(text(options, 'data')))

/**
 * The join with a table by hand: each flight with the city and the state of its origin. A map holds the rows, and another one
 * the text of those that have changed. A commit writes these to the changelog and to LevelDB.
 */
async function locatedFlightsByHand(data: string): Promise<number> {
  const airports = new TopicReader(`${data}/topics/airports/0`)
  const flights = new TopicReader(`${data}/topics/flights/0`)
  const inputs = new MergedReader(airports, flights)
  const output = new TopicWriter(`${data}/topics/located/0`)
  // A commit is one batch, so that it is either whole or missing.
  const changelog = new TopicWriter(`${data}/topics/changelog/0`, Number.MAX_SAFE_INTEGER)
  const state = await openState(`${data}/state/by-hand`)
  const rows = new Map<string, Airport>()
  const changed = new Map<string, string>()
  const committer = new Committer(() => {
    const offsets = { airports: inputs.positions[0], flights: inputs.positions[1] }
    const now = Date.now()
    const batch = state.batch()
    for (const [code, row] of changed) {
      const key = Buffer.from(STORE_PREFIX + code)
      changelog.append(now, key, 0, key.length, row)
      batch.put(key, Buffer.from(row))
    }
    changed.clear()
    return durableCommit({ output, changelog, batch, checkpoint: CHECKPOINT_KEY, now, progress: offsets })
  })
  while (inputs.nextBatch()) {
    while (inputs.next()) {
      const { bytes, timestamp, keyStart, keyEnd, valueStart, valueEnd } = inputs.topic
      const code = bytes.latin1Slice(keyStart, keyEnd)
      const value = bytes.utf8Slice(valueStart, valueEnd)
      if (inputs.topic === airports) {
        rows.set(code, JSON.parse(value))
        changed.set(code, value)
        continue
      }
      const row = rows.get(code)
      if (row === undefined) continue
      const { destination, delay }: Flight = JSON.parse(value)
      const { city, state } = row
      output.append(timestamp, bytes, keyStart, keyEnd, JSON.stringify({ destination, delay, city, state }))
    }
    await committer.turn()
  }
  await committer.finish()
  output.close()
  changelog.close()
  await state.close()
  return airports.records + flights.records
}
