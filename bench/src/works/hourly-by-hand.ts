import { immediate, text } from '../child/work.ts'
import type { Flight } from '../flights/flight.ts'
import { Committer } from '../hand-written/committer.ts'
import { durableCommit } from '../hand-written/durable-commit.ts'
import { openState } from '../hand-written/state.ts'
import { timesOf } from '../hand-written/times.ts'
import { TopicReader } from '../hand-written/topic-reader.ts'
import { TopicWriter } from '../hand-written/topic-writer.ts'

const HOUR_MS = 3_600_000
const STORE_PREFIX = Buffer.from('delays\0')
const CHECKPOINT_KEY = Buffer.from('\0flights')

export default immediate((options) => hourlyDelaysByHand(text(options, 'data')))

interface Hour {
  readonly key: Buffer
  readonly outputKey: Buffer
  total: { readonly flights: number; readonly minutes: number }
}

/**
 * The stateful job by hand: flights and minutes of delay by origin and hour, an output per record. Maps hold the live
 * totals, and a set holds the changed ones. A commit writes the changed ones to the changelog and to LevelDB.
 */
async function hourlyDelaysByHand(data: string): Promise<number> {
  const input = new TopicReader(`${data}/topics/flights/0`)
  const output = new TopicWriter(`${data}/topics/delays/0`)
  // A commit is one batch, so that it is either whole or missing.
  const changelog = new TopicWriter(`${data}/topics/changelog/0`, Number.MAX_SAFE_INTEGER)
  const state = await openState(`${data}/state/by-hand`)
  const origins = new Map<string, Map<number, Hour>>()
  const dirty = new Set<Hour>()
  const committer = new Committer(() => {
    const offset = input.records
    const now = Date.now()
    const batch = state.batch()
    for (const { key, total } of dirty) {
      const text = JSON.stringify(total)
      changelog.append(now, key, 0, key.length, text)
      batch.put(key, Buffer.from(text))
    }
    dirty.clear()
    return durableCommit({ output, changelog, batch, checkpoint: CHECKPOINT_KEY, now, progress: { offset } })
  })
  while (input.nextBatch()) {
    const { bytes } = input
    while (input.next()) {
      const { origin, delay }: Flight = JSON.parse(bytes.utf8Slice(input.valueStart, input.valueEnd))
      const start = input.timestamp - (input.timestamp % HOUR_MS)
      let hours = origins.get(origin)
      if (hours === undefined) {
        hours = new Map()
        origins.set(origin, hours)
      }
      let hour = hours.get(start)
      if (hour === undefined) {
        hour = newHour(origin, start)
        hours.set(start, hour)
      }
      hour.total = { flights: hour.total.flights + 1, minutes: hour.total.minutes + delay }
      dirty.add(hour)
      output.append(input.timestamp, hour.outputKey, 0, hour.outputKey.length, JSON.stringify(hour.total))
    }
    await committer.turn()
  }
  await committer.finish()
  output.close()
  changelog.close()
  await state.close()
  return input.records
}

function newHour(origin: string, start: number): Hour {
  const times = timesOf(start, start + HOUR_MS)
  const name = Buffer.from(origin)
  return {
    key: Buffer.concat([STORE_PREFIX, name, times]),
    outputKey: Buffer.concat([name, times]),
    total: { flights: 0, minutes: 0 },
  }
}
