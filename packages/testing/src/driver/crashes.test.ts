import { int32, job, json, stream, string, topic, tumbling, windowed } from '@millrace/core'
import { expect, onTestFinished, test } from 'vitest'
import { openTestDriver, type TestDriverOptions } from './test-driver.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const large = topic('large', { key: string(), value: int32() })
const perMinute = topic('per-minute', { key: windowed(string()), value: int32() })

/** A job with a stage behind a repartition topic and finals, that counts how often its callbacks are called. */
function summing() {
  const calls = { count: 0 }
  const sums = stream(numbers)
    .peek(() => {
      calls.count++
    })
    .groupByKey()
    .reduce('sums', (a, b) => a + b)
  const byLength = stream(numbers)
    .groupBy((_, key) => `${key.length}`, string())
    .count('by-length')
  const minutes = stream(numbers).groupByKey().window(tumbling('1m')).count('minutes', { emit: 'final' })
  const outputs = [
    stream(numbers)
      .filter((value) => value >= 10)
      .to(large),
    minutes.changes().mapValues(Number, int32()).to(perMinute),
  ]
  return { theJob: job('summing', sums, byLength, ...outputs), sums, byLength, calls }
}

async function found(options: TestDriverOptions) {
  const { theJob, sums, byLength, calls } = summing()
  const driver = await openTestDriver(theJob, { partitions: 2, ...options })
  onTestFinished(() => driver.close())
  await driver.send(numbers, { key: 'a', value: 5, timestamp: 0 }, { key: 'bb', value: 10, timestamp: 0 })
  const first = await driver.read(large)
  await driver.send(numbers, { key: 'a', value: 20, timestamp: 70_000 }, { key: 'bb', value: 1, timestamp: 70_000 })
  await driver.stop()
  await driver.start()
  await driver.runUntilEnd()
  const results = {
    first: first.map(({ key, value }) => [key, value]),
    large: (await driver.read(large)).map(({ key, value }) => [key, value]),
    finals: (await driver.read(perMinute)).map(({ key, value }) => [key, value]),
    sums: [await driver.view(sums).get('a'), await driver.view(sums).get('bb')],
    byLength: [await driver.view(byLength).get('1'), await driver.view(byLength).get('2')],
  }
  return { results, calls: calls.count }
}

test('a job that is cut off at every commit calls its callbacks again, and has the same results', async () => {
  const { results, calls } = await found({})
  const crashing = await found({ crashAtEveryCommit: true })
  expect(results).toMatchObject({ first: [['bb', 10]], sums: [25, 11], byLength: [2, 2] })
  expect(crashing.results).toEqual(results)
  expect(calls).toBe(4)
  expect(crashing.calls).toBe(8)
})

test('with outputs that may repeat, a job that is cut off at every commit repeats them', async () => {
  const { theJob } = summing()
  const driver = await openTestDriver(theJob, { crashAtEveryCommit: true, guarantee: 'at-least-once' })
  onTestFinished(() => driver.close())
  await driver.send(numbers, { key: 'a', value: 10 })
  expect((await driver.read(large)).map(({ value }) => value)).toEqual([10, 10])
})

test('state that a callback keeps outside of the job shows when the job is cut off at every commit', async () => {
  let count = 0
  const counted = stream(numbers)
    .mapValues(() => ++count, json<number>())
    .groupByKey()
    .reduce('latest', (_, value) => value)
  const driver = await openTestDriver(job('counting', counted), { crashAtEveryCommit: true })
  onTestFinished(() => driver.close())
  await driver.send(numbers, { key: 'a', value: 1 })
  expect(await driver.view(counted).get('a')).toBe(2)
})

test('an error of the job is thrown as it is when the job is cut off at every commit', async () => {
  const strict = stream(numbers).peek((value) => {
    if (value < 0) throw new Error('less than nothing')
  })
  const driver = await openTestDriver(job('strict', strict.to(large)), { crashAtEveryCommit: true })
  onTestFinished(() => driver.close())
  await driver.send(numbers, { key: 'a', value: 1 })
  await expect(driver.send(numbers, { key: 'a', value: -1 })).rejects.toMatchObject({ code: 'CALLBACK_FAILED' })
})

test('with a seed, the records of a send come in pieces, interleaved by partitions, each in its order', async () => {
  const seen: number[] = []
  const commits = async (seed: number) => {
    seen.splice(0)
    const outputs = stream(numbers).peek((value) => void seen.push(value))
    const driver = await openTestDriver(job('seen', outputs.to(large)), { partitions: 3, seed })
    onTestFinished(() => driver.close())
    const records = Array.from({ length: 30 }, (_, value) => ({ key: `k${value}`, value, partition: value % 3 }))
    await driver.send(numbers, ...records)
    return driver.status?.tasks.reduce((sum, { counts }) => sum + counts.commits, 0) ?? 0
  }
  const most = Math.max(await commits(1), await commits(2), await commits(3))
  const last = [...seen]
  expect(most).toBeGreaterThan(3)
  expect(last).not.toEqual(Array.from({ length: 30 }, (_, value) => value))
  for (const partition of [0, 1, 2]) {
    const own = last.filter((value) => value % 3 === partition)
    expect(own).toEqual(own.toSorted((a, b) => a - b))
  }
  await commits(3)
  expect(seen).toEqual(last)
})
