import { readdirSync, rmSync } from 'node:fs'
import { job, json, type RefusedError, stream, string, type TopicSettings, topic } from '@millrace/core'
import { filter, firstValueFrom } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const counts = stream(numbers)
  .groupBy((value) => `${value % 10}`, string())
  .count('counts')
const counting = job('counting', counts)

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('numbers', { partitions: 2 })
})

afterEach(() => world.close())

function produce(count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, index) => ({
    key: 'k',
    value: index,
    timestamp: 1000 + index,
    partition: index % 2,
  }))
  return world.produce('numbers', numbers.value, records)
}

/** Runs the job until its changelog has closed segments, which a purge can remove, in both partitions. */
async function runWithSmallSegments(): Promise<void> {
  await world.topic('counting.changelog', { cleanup: 'compact', partitions: 2, segmentBytes: 1024 })
  const segments = (partition: number) =>
    readdirSync(`${world.directory}/topics/counting.changelog/${partition}`).filter((name) => name.endsWith('.log'))
  do {
    await produce(50)
    await world.runToEnd(counting)
  } while (segments(0).length < 2 || segments(1).length < 2)
}

/** Removes the first records of both partitions of the changelog. */
async function cutChangelog(): Promise<void> {
  for (const partition of [0, 1]) {
    const { end } = await world.log.admin.offsets('counting.changelog', partition)
    await world.log.admin.purge('counting.changelog', partition, end)
    expect((await world.log.admin.offsets('counting.changelog', partition)).start).toBeGreaterThan(0)
  }
}

describe("a topic under the name of a job's own", () => {
  test.each<[string, string, Partial<TopicSettings>, RegExp]>([
    ['a changelog with retention', 'counting.changelog', { cleanup: 'delete', retentionMs: 1 }, /cleanup is delete/],
    ['a compacted changelog with retention', 'counting.changelog', { cleanup: 'compact', retentionMs: 1 }, /after 1ms/],
    [
      'a changelog with a bound on its size',
      'counting.changelog',
      { cleanup: 'compact', retentionBytes: 9 },
      /past 9 bytes/,
    ],
    [
      'a changelog with other partitions',
      'counting.changelog',
      { cleanup: 'compact', partitions: 1 },
      /has 1 partition,.*needs 2/,
    ],
    ['a compacted repartition topic', 'counting.counts.repartition', { cleanup: 'compact' }, /cleanup is compact/],
    ['a repartition topic with retention', 'counting.counts.repartition', { retentionMs: 5 }, /after 5ms/],
    ['a repartition topic with other partitions', 'counting.counts.repartition', { partitions: 3 }, /has 3 partitions/],
  ])('is refused if it is %s', async (_, name, settings, message) => {
    await world.topic(name, { partitions: 2, ...settings })
    await produce(10)
    const refused = await world.start(counting).catch((error: RefusedError) => error)
    expect(refused).toMatchObject({ code: 'JOB_TOPIC_UNFIT', place: { job: 'counting', topic: name } })
    expect(refused).toMatchObject({ message: expect.stringMatching(message) })
    expect(refused).toMatchObject({ message: expect.stringContaining('millrace reset counting') })
    expect(await world.log.admin.offsets('counting.changelog', 0).catch(() => ({ end: 0 }))).toMatchObject({ end: 0 })
  })
})

describe('a changelog whose beginning is gone', () => {
  beforeEach(async () => {
    await runWithSmallSegments()
    await cutChangelog()
  })

  test.each([
    ['with the local state that it backs up', false],
    ['without local state', true],
  ])('refuses the start %s, before anything is processed', async (_, lost) => {
    if (lost) rmSync(world.stateDirectory, { recursive: true })
    await produce(10)
    const before = await world.log.admin.offsets('counting.changelog', 0)
    const refused = await world.start(counting).catch((error: RefusedError) => error)
    expect(refused).toMatchObject({
      code: 'CHANGELOG_CUT',
      place: { job: 'counting', topic: 'counting.changelog', partition: 0, offset: before.start },
    })
    expect(await world.log.admin.offsets('counting.changelog', 0)).toEqual(before)
  })
})

test('a changelog that is cut while the job runs stops whichever container would restore a task from it', async () => {
  await runWithSmallSegments()
  const first = await world.start(counting)
  const second = await world.start(counting)
  try {
    await firstValueFrom(second.status.pipe(filter(({ tasks }) => tasks.length === 2)))
    await cutChangelog()
    await first.stop()
    await expect(second.done).rejects.toMatchObject({ code: 'CHANGELOG_CUT' })
  } finally {
    await first.stop()
    await second.stop()
  }
})
