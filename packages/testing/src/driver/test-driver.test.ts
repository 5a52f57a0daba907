import {
  deadLetter,
  int32,
  type Job,
  job,
  json,
  stream,
  string,
  table,
  topic,
  tumbling,
  windowed,
} from '@millrace/core'
import { expect, expectTypeOf, onTestFinished, test } from 'vitest'
import { openTestDriver, type TestDriver, type TestDriverOptions } from './test-driver.ts'

interface Order {
  readonly cents: number
}

const orders = topic('orders', { key: string(), value: json<Order>() })
const big = topic('big', { key: string(), value: json<Order>() })
const perMinute = topic('per-minute', { key: windowed(string()), value: int32() })

const bigOrders = stream(orders).filter(({ cents }) => cents >= 1000)
const totals = stream(orders)
  .groupByKey()
  .aggregate('totals', { init: () => 0, add: (total, { cents }) => total + cents, value: json<number>() })
const minutes = stream(orders).groupByKey().window(tumbling('1m')).count('minutes', { emit: 'final' })
const bySize = stream(orders)
  .groupBy(({ cents }) => (cents >= 1000 ? 'big' : 'small'), string())
  .count('by-size')
const shop = job(
  'shop',
  totals,
  bigOrders.to(big),
  minutes.changes().mapValues(Number, int32()).to(perMinute),
  bySize.changes().to(topic('sizes', { key: string(), value: json() })),
)

async function opened(theJob: Job, options?: TestDriverOptions): Promise<TestDriver> {
  const driver = await openTestDriver(theJob, options)
  onTestFinished(() => driver.close())
  return driver
}

async function rowsOf<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const row of rows) found.push(row)
  return found
}

test('sends typed records, and reads what the job has written since the last read', async () => {
  const driver = await opened(shop)
  await driver.send(orders, { key: 'ann', value: { cents: 1200 } }, { key: 'bob', value: { cents: 300 } })
  const written = await driver.read(big)
  expectTypeOf(written[0]?.value).toEqualTypeOf<Order | null | undefined>()
  expect(written.map(({ key, value, timestamp }) => [key, value, timestamp])).toEqual([
    ['ann', { cents: 1200 }, driver.nowMs],
  ])
  expect(await driver.read(big)).toEqual([])
  await driver.send(orders, { key: 'bob', value: { cents: 5000 }, timestamp: 7 })
  expect((await driver.read(big)).map(({ key, timestamp }) => [key, timestamp])).toEqual([['bob', 7]])
})

test('reads the tables of the job, also those that are not outputs and those behind a repartition topic', async () => {
  const driver = await opened(shop, { partitions: 3 })
  for (let cents = 500; cents < 1500; cents += 100) await driver.send(orders, { key: `k${cents}`, value: { cents } })
  expect(await driver.view(totals).get('k900')).toBe(900)
  expect(await driver.view(totals).get('nobody')).toBeUndefined()
  const sizes = (await rowsOf(driver.view(bySize).all())).map(({ key, value }) => `${key} ${value}`)
  expect(sizes.sort()).toEqual(['big 5', 'small 5'])
  expect(() => driver.view(table(topic('others', { key: string(), value: string() }), 'others'))).toThrow(
    expect.objectContaining({ code: 'VIEW_MISSING' }),
  )
})

test('runs a task for each partition, and puts each key into the partition that producers put it into', async () => {
  const driver = await opened(shop, { partitions: 3 })
  for (let key = 0; key < 30; key++) await driver.send(orders, { key: `k${key}`, value: { cents: 2000 } })
  const written = await driver.read(big)
  expect(new Set(written.map(({ partition }) => partition))).toEqual(new Set([0, 1, 2]))
  expect(driver.status?.tasks.filter(({ subtopology }) => subtopology === 'orders')).toHaveLength(3)
  const sources = await driver.read(orders)
  const homeOf = new Map(sources.map(({ key, partition }) => [key, partition]))
  for (const { key, partition } of written) expect(partition).toBe(homeOf.get(key))
})

test('the clock moves by hand alone, and a record without a time gets the time of the clock', async () => {
  const driver = await opened(shop, { partitions: 2 })
  const startMs = driver.nowMs
  await driver.send(orders, { key: 'ann', value: { cents: 1 }, partition: 0 })
  await driver.send(orders, { key: 'ann', value: { cents: 1 }, timestamp: startMs + 90_000, partition: 0 })
  await driver.send(orders, { key: 'bob', value: { cents: 1 }, timestamp: startMs, partition: 1 })
  const final = [{ key: 'ann', window: { start: startMs, end: startMs + 60_000 } }, 1]
  // A window closes by the time of its partition.
  expect((await driver.read(perMinute)).map(({ key, value }) => [key, value])).toEqual([final])
  expect(driver.nowMs).toBe(startMs)
  await driver.advance('2h')
  expect(driver.nowMs).toBe(startMs + 7_200_000)
  await driver.send(orders, { key: 'bob', value: { cents: 1 }, partition: 1 })
  expect((await driver.read(perMinute)).map(({ key }) => key.key)).toEqual(['bob'])
  await expect(driver.advance(-1)).rejects.toThrow('cannot advance')
})

test('a window behind a merge waits for a silent input, until that is idle', async () => {
  const other = topic('other', { key: string(), value: json<Order>() })
  const merged = stream(orders).merge(stream(other)).groupByKey().window(tumbling('1m')).count('all', { emit: 'final' })
  const finals = topic('finals', { key: windowed(string()), value: json<number>() })
  const driver = await opened(job('merged', merged.changes().to(finals)), { idleAfterMs: 30_000 })
  await driver.send(orders, { key: 'ann', value: { cents: 1 }, timestamp: 0 })
  await driver.send(orders, { key: 'ann', value: { cents: 1 }, timestamp: 100_000 })
  expect(await driver.read(finals)).toEqual([])
  await driver.advance('20s')
  await driver.send(orders, { key: 'ann', value: { cents: 1 }, timestamp: 100_001 })
  await driver.advance('9999ms')
  expect(await driver.read(finals)).toEqual([])
  await driver.advance(1)
  expect((await driver.read(finals)).map(({ value }) => value)).toEqual([1])
})

test('stops in the middle and continues, from its local state or from the changelog alone', async () => {
  const driver = await opened(shop)
  await driver.send(orders, { key: 'ann', value: { cents: 1000 } })
  await driver.stop()
  await driver.send(orders, { key: 'ann', value: { cents: 1 } })
  expect((await driver.read(big)).map(({ key }) => key)).toEqual(['ann'])
  expect(() => driver.view(totals)).toThrow('does not run')
  await driver.start()
  expect(await driver.view(totals).get('ann')).toBe(1001)
  await driver.send(orders, { key: 'ann', value: { cents: 10 } })
  await driver.stop()
  driver.loseState()
  await driver.start()
  expect(await driver.view(totals).get('ann')).toBe(1011)
  expect(driver.status?.tasks.some(({ counts }) => counts.restored > 0)).toBe(true)
  expect(await driver.read(big)).toEqual([])
  expect(() => driver.loseState()).toThrow('stop it')
  await expect(driver.start()).rejects.toThrow('stop it')
})

test('runs until the end as a batch: a window closes that a silent input would keep open', async () => {
  const other = topic('other', { key: string(), value: json<Order>() })
  const merged = stream(orders).merge(stream(other)).groupByKey().window(tumbling('1m')).count('all', { emit: 'final' })
  const finals = topic('finals', { key: windowed(string()), value: json<number>() })
  const driver = await opened(job('merged', merged.changes().to(finals)))
  const order = (timestamp: number) => ({ key: 'ann', value: { cents: 1 }, timestamp })
  const starts = async () => (await driver.read(finals)).map(({ key }) => key.window.start)
  await driver.send(orders, order(0), order(60_000))
  expect(await starts()).toEqual([])
  await driver.runUntilEnd()
  expect(await starts()).toEqual([0])
  expect(await driver.view(merged).get('ann', 60_000)).toBe(1)
  await driver.stop()
  await driver.send(orders, order(120_000))
  await driver.runUntilEnd()
  expect(await starts()).toEqual([60_000])
  expect(() => driver.view(merged)).toThrow('does not run')
})

test('starts another version of the job on the topics and state of the one before', async () => {
  const driver = await opened(shop)
  await driver.send(orders, { key: 'ann', value: { cents: 1000 } })
  await driver.stop()
  const doubled = totals.mapValues((total) => total * 2).changes()
  const doubles = topic('doubles', { key: string(), value: json<number>() })
  await driver.start(job('shop', ...[totals, bigOrders.to(big)], doubled.to(doubles)))
  await driver.send(orders, { key: 'ann', value: { cents: 1 } })
  expect((await driver.read(doubles)).map(({ value }) => value)).toEqual([2002])
})

test('a record that fails the job rejects the send with its error, and the job stays where its last commit was', async () => {
  const strict = job(
    'strict',
    stream(orders)
      .peek(({ cents }) => {
        if (cents < 0) throw new Error('less than nothing')
      })
      .to(big),
  )
  const driver = await opened(strict)
  await driver.send(orders, { key: 'ann', value: { cents: 1 } })
  await expect(driver.send(orders, { key: 'bob', value: { cents: -1 } })).rejects.toMatchObject({
    code: 'CALLBACK_FAILED',
  })
  await driver.stop()
  expect((await driver.read(big)).map(({ key }) => key)).toEqual(['ann'])
  await expect(driver.start()).rejects.toMatchObject({ code: 'CALLBACK_FAILED' })
})

test('runs the error policies: dead letters are in their topic, and the status counts them', async () => {
  const letters = topic('letters', { key: string(), value: json<Order>() })
  const lenient = job(
    'lenient',
    stream(orders)
      .mapValues(({ cents }) => {
        if (cents < 0) throw new Error('less than nothing')
        return { cents }
      })
      .to(big),
  ).onError({ callback: deadLetter(letters) })
  const driver = await opened(lenient)
  await driver.send(orders, { key: 'ann', value: { cents: -1 } }, { key: 'bob', value: { cents: 1 } })
  expect((await driver.read(letters)).map(({ key, value }) => [key, value])).toEqual([['ann', { cents: -1 }]])
  expect(driver.status?.tasks[0]?.counts).toMatchObject({ processed: 2, failed: 1, deadLettered: 1 })
})

test('a topic that is chosen for each record is made through the log', async () => {
  const driver = await opened(
    job(
      'chosen',
      stream(orders).to(({ cents }) => (cents >= 1000 ? 'big' : 'small')),
    ),
  )
  await driver.log.admin.createTopic('big')
  await driver.send(orders, { key: 'ann', value: { cents: 1000 } })
  expect(await driver.read(big)).toHaveLength(1)
})

test('an output that belongs to no job is among the notices', async () => {
  const forgetful = topic('forgetful', { key: string(), value: json<Order>() })
  const kept = stream(forgetful).toTable('kept')
  stream(forgetful).to(topic('forgotten', { key: string(), value: json<Order>() }))
  const driver = await opened(job('forgetful', kept))
  expect(driver.notices).toEqual([expect.stringContaining('The output to "forgotten"')])
})

test('the same test gives the same records each time, with their times', async () => {
  const run = async () => {
    const driver = await opened(shop, { partitions: 2, startMs: 5000 })
    for (let index = 0; index < 20; index++) {
      await driver.send(orders, { key: `k${index % 3}`, value: { cents: index * 100 } })
      await driver.advance(1000)
    }
    return [await driver.read(big), await driver.read(perMinute), driver.status]
  }
  expect(await run()).toEqual(await run())
})
