import { int32, job, stream, string, topic } from '@millrace/core'
import type { Container } from '@millrace/runtime'
import { filter, firstValueFrom } from 'rxjs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const PARTITIONS = 4
/** What a record costs, ms of the thread. */
const COST_MS = 2
/** How many records each of the hot partitions gets at once. */
const BURST = 20
/** How much faster the clock of the world is: the containers measure for ten of its seconds. */
const HASTE = 20

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('work', { partitions: PARTITIONS })
})

afterEach(() => world.close())

const work = topic('work', { key: string(), value: int32() })

function burn(ms: number): void {
  const endMs = performance.now() + ms
  while (performance.now() < endMs) {}
}

test('tasks that share a container, and take all of its thread, are parted; each record counts once', async () => {
  const env = {
    ...world.env,
    clock: { now: () => world.env.clock.now(), monotonic: () => HASTE * world.env.clock.monotonic() },
  }
  const costly = stream(work).peek(() => burn(COST_MS))
  const theJob = job('costly', costly.groupByKey().count('counts'))
  const first = await world.start(theJob, { env })
  const second = await world.start(theJob, { env, stateDirectory: `${world.directory}/other` })
  const hot = await partitionsOf(first, 2)
  await partitionsOf(second, 2)
  const parted = async () => {
    const shares = await Promise.all([partitionsOf(first), partitionsOf(second)])
    return shares.every((partitions) => partitions.filter((partition) => hot.includes(partition)).length === 1)
  }
  let produced = 0
  while (!(await parted())) {
    const records = hot.flatMap((partition) =>
      Array.from({ length: BURST }, (_, at) => ({
        key: `k${partition}`,
        value: 1,
        timestamp: produced + at,
        partition,
      })),
    )
    await world.produce('work', int32(), records)
    produced += BURST
    await Promise.all([first.caughtUp(), second.caughtUp()])
  }
  // While a task moves, neither container has it: both have caught up then, and its last records are still to be read.
  await Promise.all([first.stop(), second.stop()])
  await world.runToEnd(theJob)
  expect(await world.rows(theJob, 'counts')).toEqual(new Map(hot.map((partition) => [`k${partition}`, produced])))
})

/** The partitions whose tasks a container has, once there are `count` of them. */
async function partitionsOf({ status }: Container, count?: number): Promise<number[]> {
  const having = status.pipe(filter(({ tasks }) => count === undefined || tasks.length === count))
  return (await firstValueFrom(having)).tasks.map(({ partition }) => partition)
}
