import { strictEqual } from 'node:assert'
import { setTimeout } from 'node:timers/promises'
import { openFileLog } from '@millrace/connectors/file'
import { job, json, openTopicWriter, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { startContainer, startViewServer } from '@millrace/runtime'
import { measure } from '../child/measure.ts'
import { withRunDirectory } from '../run-directory.ts'
import { percentile, spread } from '../statistics.ts'
import { table } from '../table.ts'

const CHANGES_PER_SECOND = 1000
/** Records are appended this often. */
const PAUSE_MS = 10
const numbers = topic('numbers', { key: string(), value: json<number>() })
const latest = stream(numbers).toTable('latest')
const theJob = job('subscribed', latest)

/**
 * Measures the time from a commit to its subscribers. The job and its view server are in this process, all subscribers in another.
 * Each subscriber follows another key or prefix, and a thousand changes come in a second. Every change comes once.
 */
export async function runSubscribers(subscribers: number, runMs: number, repeats: number): Promise<string> {
  const halves: number[] = []
  const slowest: number[] = []
  for (let repeat = 0; repeat < repeats; repeat++) {
    const latencies = await latenciesOf(subscribers, runMs)
    halves.push(percentile(latencies, 0.5))
    slowest.push(percentile(latencies, 0.99))
  }
  return table(
    ['from commit to subscriber', 'p50, ms', 'p99, ms'],
    [[`${subscribers} subscribers, ${CHANGES_PER_SECOND} changes/s`, spread(halves, 1), spread(slowest, 1)]],
  )
}

/** When a commit was made, ms since the epoch, and how many entries it has changed. */
interface Committed {
  readonly atMs: number
  readonly changes: number
}

async function latenciesOf(subscribers: number, runMs: number): Promise<readonly number[]> {
  return withRunDirectory(undefined, async (data) => {
    const env = nodeEnv()
    const log = await openFileLog({ directory: data, env })
    await log.admin.createTopic('numbers')
    const container = await startContainer({ job: theJob, log, env, stateDirectory: `${data}/state` })
    const { views } = container
    // Subscribed before the server is: the time of a commit is taken before anything is sent.
    const commits = new Map<number, Committed>()
    views[0]?.parts[0]?.changes.subscribe(({ position, changes }) => {
      const atMs = performance.timeOrigin + performance.now()
      commits.set(position['numbers']?.[0] ?? 0, { atMs, changes: [...changes].length })
    })
    const server = await startViewServer({ job: theJob.name, views, status: noStatus, env, token: null })
    const stop = new AbortController()
    const sending = sendUntil(stop.signal)
    const measured = await measure('works/subscribe.ts', {
      port: Number(new URL(server.url).port),
      view: 'latest',
      subscribers,
      runMs,
    })
    stop.abort()
    await sending
    await server.close()
    await container.stop()
    await log.close()
    return latenciesIn(measured.found, commits)

    async function sendUntil(signal: AbortSignal): Promise<void> {
      const writer = await openTopicWriter(log, numbers)
      for (let sent = 0, startMs = performance.now(); !signal.aborted; ) {
        const due = ((performance.now() - startMs) * CHANGES_PER_SECOND) / 1000
        for (; sent < due; sent++) writer.send({ key: `k${sent % subscribers}.`, value: sent })
        await writer.flush()
        await setTimeout(PAUSE_MS)
      }
      await writer.close()
    }
  })
}

/** The time of each event after its commit. Throws if a commit's changes came to fewer subscribers than it has, or to more. */
function latenciesIn(found: readonly number[], commits: ReadonlyMap<number, Committed>): number[] {
  const latencies: number[] = []
  const received = new Map<number, number>()
  for (let at = 0; at < found.length; at += 2) {
    const offset = found[at] ?? 0
    latencies.push((found[at + 1] ?? Number.NaN) - (commits.get(offset)?.atMs ?? Number.NaN))
    received.set(offset, (received.get(offset) ?? 0) + 1)
  }
  // The subscribers came in the middle of the first commit, and left in the middle of the last one.
  const whole = [...received.keys()].sort((a, b) => a - b).slice(1, -1)
  for (const offset of whole) strictEqual(received.get(offset), commits.get(offset)?.changes, `commit at ${offset}`)
  strictEqual(whole.length > 0, true, 'no commit was received')
  return latencies
}

/** No request here reads the status. */
function noStatus(): never {
  throw new Error('This server has no status')
}
