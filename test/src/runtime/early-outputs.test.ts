import { int32, job, json, stream, string, topic } from '@millrace/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const out = topic('out', { key: string(), value: int32() })
const sums = stream(numbers)
  .groupBy((value) => `${value % 2}`, string())
  .reduce('sums', (a, b) => a + b)
const changed = topic('changed', { key: string(), value: json<number>() })
const theJob = job('early', stream(numbers).to(out), sums, sums.changes().to(changed))
/** This limit is long after the end of a slice, and long before the commit, which is due in an hour. */
const SOON = { timeout: 20_000 }
const EARLY = { guarantee: 'at-least-once', commitIntervalMs: 3_600_000 } as const

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  for (const name of ['numbers', 'out', 'changed']) await world.topic(name)
})

afterEach(() => world.close())

function produce(...values: number[]): Promise<void> {
  const records = values.map((value) => ({ key: 'k', value, timestamp: 1000 }))
  return world.produce('numbers', numbers.value, records)
}

async function values(): Promise<number[]> {
  return (await world.read('out', out.value)).flatMap(([, value]) => (value === null ? [] : [value]))
}

test('outputs are visible before anything is committed; views, and records in a repartition topic, are not', async () => {
  const container = await world.start(theJob, EARLY)
  await produce(1, 2, 3)
  await expect.poll(values, SOON).toEqual([1, 2, 3])
  const [part] = container.views.find(({ name }) => name === 'sums')?.parts ?? []
  expect(await part?.store.get('1')).toBeUndefined()
  expect(await world.read('changed', changed.value)).toEqual([])
  await container.stop()
  // A stage ends with a commit; only then does the next stage get the records.
  await world.runToEnd(theJob, { ...EARLY, commitIntervalMs: 5 })
  expect(await world.rows(theJob, 'sums')).toEqual(
    new Map([
      ['0', 2],
      ['1', 4],
    ]),
  )
  expect(await values()).toEqual([1, 2, 3])
})

test('several containers share such a job, and count everything once', async () => {
  const options = { ...EARLY, commitIntervalMs: 5 }
  const [first, second] = [await world.start(theJob, options), await world.start(theJob, options)]
  await produce(1, 2, 3, 4)
  await expect.poll(values, SOON).toEqual([1, 2, 3, 4])
  await first.stop()
  await produce(5)
  await expect.poll(values, SOON).toEqual([1, 2, 3, 4, 5])
  await second.stop()
  await world.runToEnd(theJob, options)
  expect(await world.rows(theJob, 'sums')).toEqual(
    new Map([
      ['0', 6],
      ['1', 9],
    ]),
  )
})
