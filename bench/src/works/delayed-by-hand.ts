import { immediate, text } from '../child/work.ts'
import type { Flight } from '../flights/flight.ts'
import { Committer } from '../hand-written/committer.ts'
import { durableCommit } from '../hand-written/durable-commit.ts'
import { openState } from '../hand-written/state.ts'
import { TopicReader } from '../hand-written/topic-reader.ts'
import { TopicWriter } from '../hand-written/topic-writer.ts'

const CHECKPOINT_KEY = Buffer.from('\0flights')

export default immediate((options) => delayedFlightsByHand(text(options, 'data')))

/** The stateless job by hand: the flights that are more than 15 minutes late, three of their fields. */
async function delayedFlightsByHand(data: string): Promise<number> {
  const input = new TopicReader(`${data}/topics/flights/0`)
  const output = new TopicWriter(`${data}/topics/delayed/0`)
  const changelog = new TopicWriter(`${data}/topics/changelog/0`)
  const state = await openState(`${data}/state/by-hand`)
  const committer = new Committer(() => {
    const progress = { offset: input.records }
    return durableCommit({
      output,
      changelog,
      batch: state.batch(),
      checkpoint: CHECKPOINT_KEY,
      now: Date.now(),
      progress,
    })
  })
  while (input.nextBatch()) {
    const { bytes } = input
    while (input.next()) {
      const flight: Flight = JSON.parse(bytes.utf8Slice(input.valueStart, input.valueEnd))
      if (flight.delay <= 15) continue
      const { origin, destination, delay } = flight
      output.append(
        input.timestamp,
        bytes,
        input.keyStart,
        input.keyEnd,
        JSON.stringify({ origin, destination, delay }),
      )
    }
    await committer.turn()
  }
  await committer.finish()
  output.close()
  changelog.close()
  await state.close()
  return input.records
}
