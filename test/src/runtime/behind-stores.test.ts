import { rmSync } from 'node:fs'
import { bytes, type Job, job, json, type RefusedError, stream, string, topic } from '@millrace/core'
import type { ContainerOptions } from '@millrace/runtime'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const one = stream(numbers).groupByKey().count('one')
const two = stream(numbers).groupByKey().count('two')
const byDigit = stream(numbers)
  .groupBy((value) => `${value % 2}`, string())
  .count('by-digit')

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('numbers', { partitions: 2 })
})

afterEach(() => world.close())

/** Ten records in partition 0. */
async function run(theJob: Job, options: Partial<ContainerOptions> = {}): Promise<void> {
  const records = Array.from({ length: 10 }, (_, index) => ({ key: 'k', value: index, timestamp: 1000 + index }))
  await world.produce('numbers', numbers.value, records)
  await world.runToEnd(theJob, options)
}

const refusalOf = (theJob: Job, options: Partial<ContainerOptions> = {}): Promise<RefusedError> =>
  world.runToEnd(theJob, options).then(
    () => Promise.reject(new Error('the job was not refused')),
    (error: RefusedError) => error,
  )

/**
 * The number of rows of a store in the changelog, without deleted ones. A key holds the store's name before its first zero
 * byte.
 */
async function entriesOf(store: string): Promise<number> {
  const latest = new Map<string, unknown>()
  for (const [key, value] of await world.read('j.changelog', bytes())) latest.set(key ?? '', value)
  return [...latest].filter(([key, value]) => key.startsWith(`${store}\0`) && value !== null).length
}

describe('a store that was away while its inputs moved on', () => {
  beforeEach(async () => {
    await run(job('j', one, two))
    const notices: string[] = []
    await run(job('j', one), { onNotice: (notice) => notices.push(notice) })
    expect(notices.join('\n')).toContain('Store two does not belong to the job any more')
    await world.produce('numbers', numbers.value, [{ key: 'k', value: 1, timestamp: 5000 }])
  })

  test('is refused before anything is processed, with what it missed and what can be done', async () => {
    const refused = await refusalOf(job('j', one, two))
    expect(refused).toMatchObject({ code: 'STORE_BEHIND', place: { job: 'j', store: 'two', task: 'numbers-0' } })
    expect(refused.message).toContain('numbers/0 from offset 10 to 20')
    expect(refused.message).toContain('millrace reset j')
    expect(refused.message).toContain('--accept-loss two')
    // The version that ran last continues, and has lost nothing.
    expect(await world.rows(job('j', one), 'one')).toEqual(new Map([['k', 20]]))
    await world.runToEnd(job('j', one))
    expect(await world.rows(job('j', one), 'one')).toEqual(new Map([['k', 21]]))
  })

  test('starts empty if that is allowed, and never gets back what it had, also without local state', async () => {
    const notices: string[] = []
    const both = job('j', one, two)
    await world.runToEnd(both, { acceptLoss: ['two'], onNotice: (notice) => notices.push(notice) })
    expect(notices.join('\n')).toContain('Store two starts empty. It counts from numbers/0=20 on')
    expect(await world.rows(both, 'two')).toEqual(new Map([['k', 1]]))
    expect(await world.rows(both, 'one')).toEqual(new Map([['k', 21]]))
    // The same option again, as in a service's file, does not change anything.
    await run(both, { acceptLoss: ['two'] })
    rmSync(world.stateDirectory, { recursive: true })
    expect(await world.rows(both, 'two')).toEqual(new Map([['k', 11]]))
    expect(await world.rows(both, 'one')).toEqual(new Map([['k', 31]]))
    expect(await entriesOf('two')).toBe(0)
    const container = await world.start(both)
    expect(container.views.map(({ name, completeFrom }) => [name, completeFrom])).toEqual([
      ['one', {}],
      ['two', { numbers: { 0: 20 } }],
    ])
    await container.stop()
    // The store is removed once more, and added again: the job is refused again.
    await run(job('j', one))
    expect(await refusalOf(both)).toMatchObject({ code: 'STORE_BEHIND' })
  })
})

test('a job whose outputs are visible at once refuses and empties its stores as any other', async () => {
  const guarantee = 'at-least-once'
  await run(job('j', one, two), { guarantee })
  await run(job('j', one), { guarantee })
  const both = job('j', one, two)
  expect(await refusalOf(both, { guarantee })).toMatchObject({ code: 'STORE_BEHIND' })
  await run(both, { guarantee, acceptLoss: ['two'] })
  expect(await entriesOf('two')).toBe(0)
  expect(await world.rows(both, 'two')).toEqual(new Map([['k', 10]]))
})

test('a store with more entries than one transaction deletes starts empty, and all of them are deleted', async () => {
  const keys = Array.from({ length: 5_200 }, (_, index) => ({ key: `k${index}`, value: 1, timestamp: 1000 }))
  await world.produce('numbers', numbers.value, keys)
  await world.runToEnd(job('j', one, two))
  expect(await entriesOf('two')).toBe(5_200)
  await run(job('j', one))
  await run(job('j', one, two), { acceptLoss: ['two'] })
  expect(await entriesOf('two')).toBe(0)
  expect(await entriesOf('one')).toBe(5_201)
  expect(await world.rows(job('j', one, two), 'two')).toEqual(new Map([['k', 10]]))
})

test('a store that was away while nothing was processed continues where it was', async () => {
  await run(job('j', one, two))
  await world.runToEnd(job('j', one))
  await run(job('j', one, two))
  expect(await world.rows(job('j', one, two), 'two')).toEqual(new Map([['k', 20]]))
})

test('a view that is added to a job that has run is refused, or reports from where it counts', async () => {
  await run(job('j', one))
  await world.produce('numbers', numbers.value, [{ key: 'k', value: 1, timestamp: 5000, partition: 1 }])
  await world.runToEnd(job('j', one))
  const both = job('j', one, two)
  expect(await refusalOf(both)).toMatchObject({ code: 'STORE_BEHIND', place: { store: 'two' } })
  await run(both, { acceptLoss: ['two'] })
  expect(await world.rows(both, 'two')).toEqual(new Map([['k', 10]]))
  const container = await world.start(both)
  expect(container.views.find(({ name }) => name === 'two')?.completeFrom).toEqual({ numbers: { 0: 10, 1: 1 } })
  await container.stop()
})

test('a store behind a repartition is refused for what it missed in the sources, though its own topic has nothing that it missed', async () => {
  await run(job('j', one, byDigit))
  await run(job('j', one))
  const both = job('j', one, byDigit)
  const refused = await refusalOf(both)
  expect(refused).toMatchObject({ code: 'STORE_BEHIND', place: { store: 'by-digit' } })
  expect(refused.message).toContain('numbers/0 from offset 10 to 20')
  await run(both, { acceptLoss: ['by-digit'] })
  const counts = await world.rows(both, 'by-digit')
  expect([...counts.values()].reduce<number>((sum, count) => sum + Number(count), 0)).toBe(10)
  const container = await world.start(both)
  expect(container.views.find(({ name }) => name === 'by-digit')?.completeFrom).toEqual({ numbers: { 0: 20 } })
  await container.stop()
})

test('containers of one job that start together with a store that starts empty agree on it', async () => {
  await run(job('j', one))
  const both = job('j', one, two)
  const containers = await Promise.all([1, 2, 3].map(() => world.start(both, { acceptLoss: ['two'] })))
  await world.produce('numbers', numbers.value, [
    { key: 'k', value: 1, timestamp: 5000 },
    { key: 'l', value: 1, timestamp: 5000, partition: 1 },
  ])
  for (const container of containers) await container.stop()
  await world.runToEnd(both)
  expect(await world.rows(both, 'two')).toEqual(new Map(Object.entries({ k: 1, l: 1 })))
  expect(await world.rows(both, 'one')).toEqual(new Map(Object.entries({ k: 11, l: 1 })))
})

test('a job whose stores are taken away and brought back counts every record, or is refused', async () => {
  const stores = { one, two, 'by-digit': byDigit }
  type Name = keyof typeof stores
  /** The position from which a store counts, and the position at which it was removed. */
  const model = new Map<Name, { from: number; leftAt: number | undefined }>()
  let total = 0
  const steps: [Name[], boolean][] = [
    [['one', 'two'], true],
    [['one'], false],
    [['one', 'two'], true],
    [['one', 'by-digit'], true],
    [['one', 'two', 'by-digit'], false],
    [['by-digit'], true],
    [['one', 'by-digit'], true],
    [['one', 'two'], false],
    [['one', 'two', 'by-digit'], true],
  ]
  for (const [present, records] of steps) {
    const theJob = job('j', ...present.map((name) => stores[name]))
    const behind = present.filter((name) => {
      const known = model.get(name)
      return known === undefined ? total > 0 : known.leftAt !== undefined && known.leftAt < total
    })
    if (behind.length > 0) {
      const refused = await refusalOf(theJob)
      expect(refused.code).toBe('STORE_BEHIND')
      expect(behind).toContain(refused.place.store)
      rmSync(world.stateDirectory, { recursive: true })
    }
    for (const name of behind) model.set(name, { from: total, leftAt: undefined })
    for (const name of present) model.set(name, { from: model.get(name)?.from ?? 0, leftAt: undefined })
    for (const [name, known] of model) if (!present.includes(name)) known.leftAt ??= total
    if (records) {
      await run(theJob, { acceptLoss: behind })
      total += 10
    } else await world.runToEnd(theJob, { acceptLoss: behind })
    const counted = [...(await world.allRows(theJob))].map(([name, rows]) => {
      return [name, [...rows.values()].reduce<number>((sum, count) => sum + Number(count), 0)]
    })
    expect(counted).toEqual(present.map((name) => [name, total - (model.get(name)?.from ?? 0)]))
  }
})
