import { job, json, stream, string, topic } from '@millrace/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const out = topic('out', { key: string(), value: json<number>() })
const sums = stream(numbers)
  .groupByKey()
  .reduce('sums', (a, b) => a + b)

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('numbers')
  await world.topic('out')
})

afterEach(() => world.close())

function produce(...values: number[]): Promise<void> {
  const records = values.map((value, index) => ({ key: 'k', value, timestamp: 1000 + index }))
  return world.produce('numbers', numbers.value, records)
}

test('another job under the name of a running one is refused, and the running one goes on', async () => {
  const theJob = job('shared', sums)
  const other = job('shared', sums, stream(numbers).to(out))
  const running = await world.start(theJob)
  await expect(world.start(other)).rejects.toMatchObject({ code: 'JOB_CHANGED', place: { job: 'shared' } })
  await produce(1, 2)
  await world.until(running, 'numbers', 2)
  // The same plan with other functions, as after a refactoring.
  const refactored = stream(numbers)
    .groupByKey()
    .reduce('sums', (total, value) => value + total)
  await (await world.start(job('shared', refactored))).stop()
  await running.stop()
  await running.done
  expect(await world.rows(theJob, 'sums')).toEqual(new Map([['k', 3]]))
  await produce(5)
  await world.runToEnd(other)
  expect(await world.read('out', out.value)).toEqual([['k', 5, 1000]])
})
