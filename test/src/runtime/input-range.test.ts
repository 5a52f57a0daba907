import { job, json, stream, string, topic } from '@millrace/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const counts = stream(numbers).groupByKey().count('counts')
const counting = job('counting', counts)

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  // Small segments, so that a purge removes something.
  await world.topic('numbers', { segmentBytes: 1024 })
})

afterEach(() => world.close())

function produce(count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, index) => ({ key: 'k', value: index, timestamp: 1000 + index }))
  return world.produce('numbers', numbers.value, records)
}

async function purge(before: number): Promise<number> {
  await world.log.admin.purge('numbers', 0, before)
  const { start } = await world.log.admin.offsets('numbers', 0)
  return start
}

test('a new job and its view report where the input starts, if records were deleted before', async () => {
  for (let round = 0; round < 10; round++) await produce(50)
  const start = await purge(300)
  expect(start).toBeGreaterThan(0)
  const notices: string[] = []
  await world.runToEnd(counting, { onNotice: (notice) => notices.push(notice) })
  expect(notices).toEqual([expect.stringContaining(`numbers/0 starts at offset ${start}`)])
  const container = await world.start(counting, { onNotice: (notice) => notices.push(notice) })
  expect(container.views[0]?.completeFrom).toEqual({ numbers: { 0: start } })
  await container.stop()
  // The second run does not report it again: the position from which the job counts is known by then.
  expect(notices.length).toBe(1)
  expect(await world.rows(counting, 'counts')).toEqual(new Map([['k', 500 - start]]))
})

test('a job whose next records were deleted before it had read them is refused', async () => {
  await produce(50)
  await world.runToEnd(counting)
  for (let round = 0; round < 10; round++) await produce(50)
  const start = await purge(300)
  expect(start).toBeGreaterThan(50)
  const refused = world.start(counting)
  await expect(refused).rejects.toMatchObject({ code: 'INPUT_GONE', place: { job: 'counting', offset: 50 } })
  await expect(refused).rejects.toThrow(`deleted ${start - 50} records`)
})

test('a job that has read all that was deleted continues', async () => {
  for (let round = 0; round < 10; round++) await produce(50)
  await world.runToEnd(counting)
  expect(await purge(500)).toBeGreaterThan(0)
  await produce(50)
  await world.runToEnd(counting)
  expect(await world.rows(counting, 'counts')).toEqual(new Map([['k', 550]]))
})
