import { cpSync, rmSync } from 'node:fs'
import { job, json, type RestoreProgress, stream, string, topic } from '@millrace/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const sums = stream(numbers)
  .groupByKey()
  .reduce('sums', (a, b) => a + b)
const theJob = job('summing', sums)

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('numbers')
})

afterEach(() => world.close())

function produce(...values: number[]): Promise<void> {
  return world.produce(
    'numbers',
    numbers.value,
    values.map((value) => ({ key: 'k', value, timestamp: value })),
  )
}

test('a changelog that was put back from an earlier moment is refused', async () => {
  await produce(1)
  await world.runToEnd(theJob)
  const changelog = `${world.directory}/topics/summing.changelog`
  cpSync(changelog, `${world.directory}/older`, { recursive: true })
  await produce(2, 3)
  await world.runToEnd(theJob)
  rmSync(changelog, { recursive: true })
  cpSync(`${world.directory}/older`, changelog, { recursive: true })
  await expect(world.runToEnd(theJob)).rejects.toMatchObject({ code: 'LOG_PARTS_DIFFER' })
})

test('local state that is ahead of its changelog is discarded', async () => {
  await produce(1, 2, 3)
  await world.runToEnd(theJob)
  await world.log.admin.deleteTopic('summing.changelog')
  const notices: string[] = []
  await world.runToEnd(theJob, { onNotice: (notice) => notices.push(notice) })
  expect(notices.join('\n')).toMatch(/rebuilt its local state: .* but the log ends at 0/)
  expect(await world.rows(theJob, 'sums')).toEqual(new Map([['k', 6]]))
})

test('local state that matches its changelog is kept', async () => {
  await produce(1, 2, 3)
  await world.runToEnd(theJob)
  await produce(4)
  const notices: string[] = []
  const container = await world.start(theJob, { untilEnd: true, onNotice: (notice) => notices.push(notice) })
  let restored = -1
  container.status.subscribe(({ tasks }) => {
    restored = tasks[0]?.counts.restored ?? -1
  })
  await container.done
  expect(notices).toEqual([])
  expect(restored).toBe(0)
  expect(await world.rows(theJob, 'sums')).toEqual(new Map([['k', 10]]))
})

test('repartition topics lose what is committed, segment by segment', async () => {
  await world.topic('counting.counts.repartition', { segmentBytes: 2000 })
  const counts = stream(numbers)
    .groupBy((value) => `${value % 10}`, string())
    .count('counts')
  const counting = job('counting', counts)
  for (let round = 0; round < 5; round++) {
    await produce(...Array.from({ length: 100 }, (_, index) => index))
    await world.runToEnd(counting)
  }
  const { start, end } = await world.log.admin.offsets('counting.counts.repartition', 0)
  expect(start).toBeGreaterThan(300)
  expect(end).toBeGreaterThanOrEqual(500)
  expect((await world.rows(counting, 'counts')).get('3')).toBe(50)
})

test('a restore reports how far it is, up to its end', async () => {
  await produce(1, 2, 3)
  await world.runToEnd(theJob)
  rmSync(world.stateDirectory, { recursive: true })
  const reports: RestoreProgress[] = []
  await world.runToEnd(theJob, { onRestore: (progress) => reports.push(progress) })
  expect(reports.length).toBeGreaterThan(0)
  expect(reports.every(({ task, done, total }) => task === 'numbers-0' && done <= total)).toBe(true)
  expect(reports.at(-1)?.done).toBe(reports.at(-1)?.total)
})
