import { immediate, text } from '../child/work.ts'
import type { Flight } from '../flights/flight.ts'
import { Committer } from '../hand-written/committer.ts'
import { durableCommit } from '../hand-written/durable-commit.ts'
import { type Linked, RecencyList } from '../hand-written/recency-list.ts'
import { openState } from '../hand-written/state.ts'
import { timesOf } from '../hand-written/times.ts'
import { TopicReader } from '../hand-written/topic-reader.ts'
import { TopicWriter } from '../hand-written/topic-writer.ts'

const GAP_MS = 30 * 60_000
const STORE_PREFIX = Buffer.from('waves\0')
const CHECKPOINT_KEY = Buffer.from('\0flights')

export default immediate((options) => departureWavesByHand(text(options, 'data')))

interface Wave extends Linked<Wave> {
  readonly origin: string
  readonly start: number
  last: number
  total: { readonly flights: number; readonly minutes: number }
  /** As in LevelDB and in the changelog since the last commit; undefined if it is not there. */
  stored: Buffer | undefined
}

/**
 * The sessions by hand: flights and minutes of delay of each wave of departures, which ends when no flight has left for half an
 * hour. A map holds the open waves, and a list has them in the order of their last flights, so that those that end are at its
 * front. A commit writes the changed waves to the changelog and to LevelDB; their keys end with the end of the wave.
 */
async function departureWavesByHand(data: string): Promise<number> {
  const input = new TopicReader(`${data}/topics/flights/0`)
  const output = new TopicWriter(`${data}/topics/waves/0`)
  // A commit is one batch, so that it is either whole or missing.
  const changelog = new TopicWriter(`${data}/topics/changelog/0`, Number.MAX_SAFE_INTEGER)
  const state = await openState(`${data}/state/by-hand`)
  const open = new Map<string, Wave>()
  const byLast = new RecencyList<Wave>()
  const dirty = new Set<Wave>()
  let watermark = 0
  const committer = new Committer(() => {
    const progress = { offset: input.records, watermark }
    const now = Date.now()
    const batch = state.batch()
    for (const wave of dirty) {
      const key = Buffer.concat([STORE_PREFIX, keyOf(wave)])
      if (wave.stored !== undefined && !wave.stored.equals(key)) {
        changelog.appendTombstone(now, wave.stored)
        batch.del(wave.stored)
      }
      const text = JSON.stringify(wave.total)
      changelog.append(now, key, 0, key.length, text)
      batch.put(key, Buffer.from(text))
      wave.stored = key
    }
    dirty.clear()
    return durableCommit({ output, changelog, batch, checkpoint: CHECKPOINT_KEY, now, progress })
  })
  while (input.nextBatch()) {
    const { bytes } = input
    while (input.next()) {
      const { timestamp } = input
      // It is late, and in no wave.
      if (timestamp < watermark) continue
      if (timestamp > watermark) {
        watermark = timestamp
        endWaves()
      }
      const { origin, delay }: Flight = JSON.parse(bytes.utf8Slice(input.valueStart, input.valueEnd))
      let wave = open.get(origin)
      if (wave === undefined) {
        wave = newWave(origin, timestamp)
        open.set(origin, wave)
      }
      wave.last = timestamp
      wave.total = { flights: wave.total.flights + 1, minutes: wave.total.minutes + delay }
      byLast.touch(wave)
      dirty.add(wave)
    }
    await committer.turn()
  }
  await committer.finish()
  output.close()
  changelog.close()
  await state.close()
  return input.records

  function endWaves(): void {
    for (let wave = byLast.oldest; wave !== undefined && wave.last + GAP_MS <= watermark; wave = byLast.oldest) {
      const key = keyOf(wave)
      output.append(wave.last + GAP_MS - 1, key, 0, key.length, JSON.stringify(wave.total))
      byLast.remove(wave)
      open.delete(wave.origin)
    }
  }
}

function newWave(origin: string, start: number): Wave {
  const total = { flights: 0, minutes: 0 }
  return { origin, start, last: start, total, stored: undefined, older: undefined, newer: undefined }
}

function keyOf({ origin, start, last }: Wave): Buffer {
  return Buffer.concat([Buffer.from(origin), timesOf(start, last + GAP_MS)])
}
