import { job, json, stream, string, topic, tumbling, windowed } from '@millrace/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const KEYS = 6000
const numbers = topic('numbers', { key: string(), value: json<number>() })
const finals = topic('finals', { key: windowed(string()), value: json<number>() })
const counts = stream(numbers)
  .groupByKey()
  .window(tumbling(1000, { retention: 5000 }))
  .count('counts', { emit: 'final' })
const closing = job('closing', counts, counts.changes().to(finals))

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('numbers')
  await world.topic('finals')
  const keys = Array.from({ length: KEYS }, (_, n) => ({ key: `key-${n}`, value: n, timestamp: n % 1000 }))
  await world.produce('numbers', numbers.value, keys)
  // All records of the window are committed before the window ends.
  await world.runToEnd(closing)
})

afterEach(() => world.close())

async function emitted(): Promise<number> {
  return (await world.log.admin.offsets('finals', 0)).end
}

test('a window with many keys closes in pieces: queries are answered and commits made between them', async () => {
  await world.produce('numbers', numbers.value, [{ key: 'next', value: 0, timestamp: 1000 }])
  const container = await world.start(closing, { commitIntervalMs: 1 })
  const [part] = container.views.find(({ name }) => name === 'counts')?.parts ?? []
  let amid = 0
  while ((await world.read('finals', finals.value)).length < KEYS) {
    if (part !== undefined && (await emitted()) > 0) {
      expect(await part.store.getWindow('key-7', 0)).toMatchObject({ value: 1 })
      amid++
      // An answer contains everything up to its position, including the finals that the last record causes.
      if ((part.position['numbers']?.['0'] ?? 0) > KEYS) expect(await emitted()).toBeGreaterThan(KEYS)
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  await container.stop()
  expect(amid).toBeGreaterThan(0)
  const keys = (await world.read('finals', finals.value)).map(([key]) => key)
  expect(new Set(keys).size).toBe(KEYS)
  expect(keys).toHaveLength(KEYS)
})

test('a job that is stopped while a window closes continues behind the last result that it has committed', async () => {
  await world.produce('numbers', numbers.value, [{ key: 'next', value: 0, timestamp: 1000 }])
  let stops = 0
  for (let before = 0; before < KEYS; before = (await world.read('finals', finals.value)).length) {
    const container = await world.start(closing, { commitIntervalMs: 1 })
    const [part] = container.views.find(({ name }) => name === 'counts')?.parts ?? []
    if (stops > 0) expect(part?.position).toEqual({ numbers: { 0: KEYS } })
    const wanted = (await emitted()) + 1
    while ((await emitted()) < wanted) await new Promise((resolve) => setImmediate(resolve))
    await container.stop()
    stops++
  }
  expect(stops).toBeGreaterThan(1)
  const keys = (await world.read('finals', finals.value)).map(([key]) => key)
  expect(new Set(keys).size).toBe(KEYS)
  expect(keys).toHaveLength(KEYS)
})

test('windows whose retention is over are deleted in pieces, over commits and restarts', async () => {
  await world.produce('numbers', numbers.value, [{ key: 'next', value: 0, timestamp: 10_000 }])
  await world.runToEnd(closing, { commitIntervalMs: 1 })
  expect([...(await world.rows(closing, 'counts')).keys()]).toEqual(['next 10000'])
})
