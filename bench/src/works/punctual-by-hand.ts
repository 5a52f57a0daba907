import { immediate, text } from '../child/work.ts'
import type { Actual, Planned } from '../flights/departures.ts'
import { Committer } from '../hand-written/committer.ts'
import { durableCommit } from '../hand-written/durable-commit.ts'
import { KeptRecords } from '../hand-written/kept-records.ts'
import { MergedReader } from '../hand-written/merged-reader.ts'
import { openState } from '../hand-written/state.ts'
import { TopicReader } from '../hand-written/topic-reader.ts'
import { TopicWriter } from '../hand-written/topic-writer.ts'

const WITHIN_MS = 2 * 3_600_000
const CHECKPOINT_KEY = Buffer.from('\0inputs')

export default immediate((options) => punctualDeparturesByHand(text(options, 'data')))

/**
 * The join of two streams by hand: planned departures with the actual ones, if these are within two hours of each other. Each
 * side keeps its records until the other one has passed them by two hours. A commit writes the new ones that are still there to
 * the changelog and to LevelDB, and deletes those that are not.
 */
async function punctualDeparturesByHand(data: string): Promise<number> {
  const planned = new TopicReader(`${data}/topics/planned/0`)
  const actual = new TopicReader(`${data}/topics/actual/0`)
  const inputs = new MergedReader(planned, actual)
  const output = new TopicWriter(`${data}/topics/punctual/0`)
  // A commit is one batch, so that it is either whole or missing.
  const changelog = new TopicWriter(`${data}/topics/changelog/0`, Number.MAX_SAFE_INTEGER)
  const state = await openState(`${data}/state/by-hand`)
  const plans = new KeptRecords<Planned>('punctual.left')
  const actuals = new KeptRecords<Actual>('punctual.right')
  let plannedTime = 0
  let actualTime = 0
  const committer = new Committer(() => {
    const progress = { planned: inputs.positions[0], actual: inputs.positions[1], plannedTime, actualTime }
    const now = Date.now()
    const batch = state.batch()
    plans.freeze(now, changelog, batch)
    actuals.freeze(now, changelog, batch)
    return durableCommit({ output, changelog, batch, checkpoint: CHECKPOINT_KEY, now, progress })
  })
  while (inputs.nextBatch()) {
    while (inputs.next()) {
      if (inputs.topic === planned) joinPlanned()
      else joinActual()
    }
    await committer.turn()
  }
  await committer.finish()
  output.close()
  changelog.close()
  await state.close()
  return planned.records + actual.records

  function joinPlanned(): void {
    const { bytes, timestamp, keyStart, keyEnd, valueStart, valueEnd } = planned
    // It is late, and in no pair.
    if (timestamp < plannedTime) return
    if (timestamp > plannedTime) {
      plannedTime = timestamp
      dropPassed()
    }
    const id = bytes.latin1Slice(keyStart, keyEnd)
    const value = bytes.utf8Slice(valueStart, valueEnd)
    const plan: Planned = JSON.parse(value)
    plans.add(id, timestamp, plan, value)
    for (let other = actuals.first(id); other !== undefined; other = other.next) {
      if (Math.abs(other.at - timestamp) <= WITHIN_MS) append(planned, Math.max(timestamp, other.at), plan, other.value)
    }
  }

  function joinActual(): void {
    const { bytes, timestamp, keyStart, keyEnd, valueStart, valueEnd } = actual
    if (timestamp < actualTime) return
    if (timestamp > actualTime) {
      actualTime = timestamp
      dropPassed()
    }
    const id = bytes.latin1Slice(keyStart, keyEnd)
    const value = bytes.utf8Slice(valueStart, valueEnd)
    const departure: Actual = JSON.parse(value)
    actuals.add(id, timestamp, departure, value)
    for (let other = plans.first(id); other !== undefined; other = other.next) {
      if (Math.abs(other.at - timestamp) <= WITHIN_MS)
        append(actual, Math.max(timestamp, other.at), other.value, departure)
    }
  }

  function append(
    { bytes, keyStart, keyEnd }: TopicReader,
    time: number,
    { origin, destination }: Planned,
    { delay }: Actual,
  ): void {
    output.append(time, bytes, keyStart, keyEnd, JSON.stringify({ origin, destination, delay }))
  }

  function dropPassed(): void {
    const passed = Math.min(plannedTime, actualTime) - WITHIN_MS
    plans.dropBefore(passed)
    actuals.dropBefore(passed)
  }
}
