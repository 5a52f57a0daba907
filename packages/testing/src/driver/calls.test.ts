import { deadLetter, int32, job, stream, string, topic } from '@millrace/core'
import { expect, onTestFinished, test } from 'vitest'
import { openTestDriver } from './test-driver.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const out = topic('out', { key: string(), value: int32() })
const letters = topic('letters', { key: string(), value: int32() })

const records = (count: number) => Array.from({ length: count }, (_, value) => ({ key: `k${value}`, value }))

test('calls that never end do not hold up the test, also if the job takes no more records, and time out by its clock', async () => {
  const never = () => new Promise<number>(() => undefined)
  const calls = stream(numbers).mapAsync('calls', never, { concurrency: 2, timeout: '10s', value: int32() })
  const driver = await openTestDriver(job('waits', calls.to(out)).onError({ callback: deadLetter(letters) }))
  onTestFinished(() => driver.close())
  await driver.send(numbers, ...records(20))
  expect(driver.status?.tasks[0]?.inputs[0]?.offset).toBe(8)
  await driver.advance('10s')
  expect((await driver.read(letters)).map(({ value }) => value)).toEqual([0, 1])
  for (let passed = 0; passed < 9; passed++) await driver.advance('10s')
  expect(await driver.read(letters)).toHaveLength(18)
})

test('calls that end without timers and I/O are done when the records are sent, over a restart too', async () => {
  let isDown = true
  const held: (() => void)[] = []
  const call = async (value: number) => {
    if (isDown) await new Promise<void>((resolve) => held.push(resolve))
    return value * 2
  }
  const calls = stream(numbers).mapAsync('calls', call, { value: int32() })
  const driver = await openTestDriver(job('doubles', calls.to(out)), { partitions: 2 })
  onTestFinished(() => driver.close())
  await driver.send(numbers, ...records(3))
  expect([held.length, (await driver.read(out)).length]).toEqual([3, 0])
  await driver.stop()
  driver.loseState()
  isDown = false
  await driver.start()
  await driver.send(numbers, { key: 'k9', value: 9 })
  expect((await driver.read(out)).map(({ value }) => value).sort()).toEqual([0, 18, 2, 4])
})

test('a run until the end waits for calls', async () => {
  const call = async (value: number) => {
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    return value
  }
  const calls = stream(numbers).mapAsync('calls', call, { concurrency: 1, value: int32() })
  const driver = await openTestDriver(job('ends', calls.to(out)))
  onTestFinished(() => driver.close())
  await driver.stop()
  await driver.send(numbers, ...records(5))
  await driver.runUntilEnd()
  expect((await driver.read(out)).map(({ value }) => value)).toEqual([0, 1, 2, 3, 4])
})
