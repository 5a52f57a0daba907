import { type Clock, type JobStatus, job, json, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { type Container, type ContainerOptions, startContainer } from '@millrace/runtime'
import { filter, firstValueFrom } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const counts = stream(numbers).groupByKey().count('counts')
/** With this interval, no commit of a test is due because its interval has passed. */
const NEVER_MS = 3_600_000

let world: JobWorld
let container: Container | undefined

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('numbers')
})

afterEach(async () => {
  await container?.stop()
  container = undefined
  await world.close()
})

/** Appends one record for each of so many keys. */
function produceKeys(keys: number): Promise<void> {
  const records = Array.from({ length: keys }, (_, index) => ({ key: `key ${index}`, value: index, timestamp: index }))
  return world.produce('numbers', numbers.value, records)
}

/** The position that was read when a view shows its first commit. */
async function firstCommit(of: Container): Promise<number> {
  const [part] = of.views.flatMap(({ parts }) => parts)
  if (part === undefined) throw new Error('The view has no part')
  const { position } = await firstValueFrom(part.changes)
  return position['numbers']?.['0'] ?? 0
}

const statusOf = (of: Container, fits: (status: JobStatus) => boolean) => firstValueFrom(of.status.pipe(filter(fits)))

const processed = (records: number) => (status: JobStatus) => status.tasks[0]?.counts.processed === records

describe('a commit comes before its interval is over', () => {
  test('when so much state has changed', async () => {
    container = await world.start(job('dirty', counts), { commitIntervalMs: NEVER_MS, dirtyBytesMax: 50_000 })
    const commit = firstCommit(container)
    await produceKeys(5000)
    expect(await commit).toBeGreaterThan(50)
  })

  test('when too many entries are in memory, whatever their size', async () => {
    await produceKeys(101_000)
    container = await world.start(job('entries', counts), { commitIntervalMs: NEVER_MS })
    expect(await firstCommit(container)).toBeGreaterThan(100_000)
  })
})

test('a container commits ten times a second unless its options state another interval', async () => {
  const { log, env, stateDirectory } = world
  await produceKeys(1)
  container = await startContainer({ job: job('default', counts), log, env, stateDirectory })
  expect(await firstCommit(container)).toBe(1)
})

/** The world's clock. A test may move it forward. */
function movableEnv(): { env: ContainerOptions['env']; forward(ms: number): void } {
  const { clock, ...rest } = nodeEnv()
  let aheadMs = 0
  const moved: Clock = { now: () => clock.now() + Math.floor(aheadMs), monotonic: () => clock.monotonic() + aheadMs }
  return {
    env: { ...rest, clock: moved },
    forward: (ms) => {
      aheadMs += ms
    },
  }
}

test('a running job purges its repartition topics every five seconds', async () => {
  const repartition = 'purging.counts.repartition'
  await world.topic(repartition, { segmentBytes: 1024 })
  const byDigit = stream(numbers)
    .groupBy((value) => `${value % 10}`, string())
    .count('counts')
  const { env, forward } = movableEnv()
  container = await world.start(job('purging', byDigit), { env })
  const counted = statusOf(container, ({ tasks }) => tasks[1]?.counts.processed === 300)
  // Separate batches, so that the segments before the last are closed.
  for (let round = 0; round < 3; round++) await produceKeys(100)
  await counted
  const start = async () => (await world.log.admin.offsets(repartition, 0)).start
  expect(await start()).toBe(0)
  forward(5000)
  await expect.poll(start, { timeout: 20_000 }).toBeGreaterThan(0)
})

test('an input that brings nothing for 30 seconds no longer holds the watermark back', async () => {
  await world.topic('silent')
  const silent = topic('silent', { key: string(), value: json<number>() })
  const both = stream(numbers).merge(stream(silent))
  const { env, forward } = movableEnv()
  container = await world.start(job('idle', both.groupByKey().count('counts')), { env })
  await produceKeys(1)
  await statusOf(container, processed(1))
  forward(29_000)
  await produceKeys(2)
  expect((await statusOf(container, processed(3))).tasks[0]?.watermark).toBeNull()
  forward(31_000)
  await produceKeys(3)
  await statusOf(container, ({ tasks }) => tasks[0]?.watermark === 2)
})

test('timers and queries get their turn in the middle of a backlog', async () => {
  await produceKeys(20_000)
  const { env, forward } = movableEnv()
  let seen = 0
  let seenAtTurn: number | undefined
  const slow = stream(numbers).mapValues((value) => {
    if (seen++ === 0) setImmediate(() => (seenAtTurn = seen))
    // Each record takes a tenth of a millisecond of the job's clock.
    forward(0.1)
    return value
  })
  await world.runToEnd(job('sliced', slow.groupByKey().count('counts')), { env })
  expect(seen).toBe(20_000)
  // A slice is 5 ms: 50 records, up to the next read of the clock.
  expect(seenAtTurn).toBeLessThan(200)
})
