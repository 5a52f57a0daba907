import { immediate, text } from '../child/work.ts'
import type { Flight } from '../flights/flight.ts'
import { Committer } from '../hand-written/committer.ts'
import { durableCommit } from '../hand-written/durable-commit.ts'
import { type Linked, RecencyList } from '../hand-written/recency-list.ts'
import { openState } from '../hand-written/state.ts'
import { TopicReader } from '../hand-written/topic-reader.ts'
import { TopicWriter } from '../hand-written/topic-writer.ts'

const QUIET_MS = 2 * 3_600_000
const STORE_PREFIX = 'silence.last\0'
const CHECKPOINT_KEY = Buffer.from('\0flights')

export default immediate((options) => silencesByHand(text(options, 'data')))

/** The last departure from an airport. */
interface Last extends Linked<Last> {
  readonly origin: string
  at: number
  destination: string
  isSilent: boolean
}

/**
 * The step with timers by hand: reports each airport from which no flight has left for two hours. A map holds the last departures,
 * and a list has them in the order of their times, so that those that are due are at its front: a list of timers would state
 * the same. A commit writes the changed ones to the changelog and to LevelDB.
 */
async function silencesByHand(data: string): Promise<number> {
  const input = new TopicReader(`${data}/topics/flights/0`)
  const output = new TopicWriter(`${data}/topics/silences/0`)
  // A commit is one batch, so that it is either whole or missing.
  const changelog = new TopicWriter(`${data}/topics/changelog/0`, Number.MAX_SAFE_INTEGER)
  const state = await openState(`${data}/state/by-hand`)
  const departures = new Map<string, Last>()
  const byTime = new RecencyList<Last>()
  const dirty = new Set<Last>()
  let watermark = 0
  const committer = new Committer(() => {
    const progress = { offset: input.records, watermark }
    const now = Date.now()
    const batch = state.batch()
    for (const { origin, at, destination, isSilent } of dirty) {
      const key = Buffer.from(STORE_PREFIX + origin)
      if (isSilent) {
        changelog.appendTombstone(now, key)
        batch.del(key)
        continue
      }
      const text = JSON.stringify({ at, destination })
      changelog.append(now, key, 0, key.length, text)
      batch.put(key, Buffer.from(text))
    }
    dirty.clear()
    return durableCommit({ output, changelog, batch, checkpoint: CHECKPOINT_KEY, now, progress })
  })
  while (input.nextBatch()) {
    const { bytes } = input
    while (input.next()) {
      const { timestamp } = input
      if (timestamp < watermark) throw new Error('The flights are not in the order of their departures')
      if (timestamp > watermark) {
        watermark = timestamp
        reportSilences()
      }
      const { origin, destination }: Flight = JSON.parse(bytes.utf8Slice(input.valueStart, input.valueEnd))
      let last = departures.get(origin)
      if (last === undefined) {
        last = { origin, at: 0, destination, isSilent: false, older: undefined, newer: undefined }
        departures.set(origin, last)
      }
      last.at = timestamp
      last.destination = destination
      last.isSilent = false
      byTime.touch(last)
      dirty.add(last)
    }
    await committer.turn()
  }
  await committer.finish()
  output.close()
  changelog.close()
  await state.close()
  return input.records

  function reportSilences(): void {
    for (let last = byTime.oldest; last !== undefined && last.at + QUIET_MS <= watermark; last = byTime.oldest) {
      const { origin, at, destination } = last
      const key = Buffer.from(origin)
      output.append(at + QUIET_MS, key, 0, key.length, JSON.stringify({ since: at, destination }))
      byTime.remove(last)
      last.isSilent = true
      dirty.add(last)
    }
  }
}
