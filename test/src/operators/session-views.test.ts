import { job, json, sessions, stream, string, topic } from '@millrace/core'
import { openTestDriver } from '@millrace/testing'
import { expect, onTestFinished, test } from 'vitest'

const clicks = topic('clicks', { key: string(), value: json<number>() })
const late = topic('late', { key: string(), value: json<number>() })
const visits = stream(clicks)
  .groupByKey()
  .window(sessions({ gap: 10, grace: 5, retention: 50 }))
  .count('visits')
const long = visits.filter((count) => count > 1, { name: 'long' })

const click = (timestamp: number, key = 'ann') => ({ key, value: timestamp, timestamp })

async function rowsOf<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const row of rows) found.push(row)
  return found
}

test('sessions are read by their start, all of a key, and by time, and expire with what is derived from them', async () => {
  const driver = await openTestDriver(job('visits', visits, long, visits.late().to(late)))
  onTestFinished(() => driver.close())
  await driver.send(clicks, click(100), click(108), click(117), click(111), click(110))
  const [first, second] = [
    { key: 'ann', window: { start: 100, end: 127 }, value: 3 },
    { key: 'ann', window: { start: 140, end: 150 }, value: 1 },
  ]
  expect((await driver.read(late)).map(({ value }) => value)).toEqual([111, 110])
  await driver.send(clicks, click(140), click(150, 'bob'))
  expect(await driver.view(visits).get('ann', 100)).toBe(3)
  expect(await driver.view(visits).get('ann', 108)).toBeUndefined()
  expect(await rowsOf(driver.view(visits).windows('ann'))).toEqual([first, second])
  expect(await rowsOf(driver.view(long).windows('ann'))).toEqual([first])

  await driver.stop()
  driver.loseState()
  await driver.start()
  expect(await rowsOf(driver.view(visits).windows('ann'))).toEqual([first, second])
  // The first session ended at 127, and is kept for 50 ms.
  await driver.send(clicks, click(180, 'bob'))
  await driver.send(clicks, click(181, 'bob'))
  expect(await rowsOf(driver.view(visits).windows('ann'))).toEqual([second])
  expect(await rowsOf(driver.view(long).windows('ann'))).toEqual([])
})
