import { int32, job, string, type Table, table, topic } from '@millrace/core'
import { openTestDriver, type TestDriver } from '@millrace/testing'
import { expect, onTestFinished, test } from 'vitest'

const numbers = topic('numbers', { key: string(), value: int32() })
const log = topic('log', { key: string(), value: int32() })
const at = (timestamp: number, key: string, value = 1) => ({ key, value, timestamp })

const rowsWith = (ttl: number) => table(numbers, 'fading', { ttl })
const jobOf = (rows: Table<string, number>) => job('fading', rows, rows.changes().to(log))

async function open(...parameters: Parameters<typeof openTestDriver>): Promise<TestDriver> {
  const driver = await openTestDriver(...parameters)
  onTestFinished(() => driver.close())
  return driver
}

async function changes(driver: TestDriver): Promise<string[]> {
  return (await driver.read(log)).map(({ key, value, timestamp }) => `${key} ${value} at ${timestamp}`)
}

test.each([
  [5, 'a null at 109'],
  [30, 'a null at 134'],
])(
  'a row has the new end once a record of its key has come if the time to live was 20 and becomes %d',
  async (ttl, end) => {
    const driver = await open(jobOf(rowsWith(20)))
    await driver.send(numbers, at(100, 'a'))
    await driver.stop()
    await driver.start(jobOf(rowsWith(ttl)))
    await driver.send(numbers, at(104, 'a', 2), at(140, 'x'))
    expect(await changes(driver)).toEqual(['a 1 at 100', 'a 2 at 104', end, 'x 1 at 140'])
  },
)

test('a row whose removal has failed leaves after its next record also if it is not over then, with a longer time to live', async () => {
  let fails = true
  const jobWith = (ttl: number) => {
    const rows = rowsWith(ttl)
    const checked = rows.changes().process('checked', {
      value: int32(),
      onRecord: (value, _key, { emit }) => emit(value),
      onTombstone: (_key, { emit }) => {
        if (fails) throw new Error('not now')
        emit(0)
      },
    })
    return job('fading', rows, checked.to(log)).onError({ callback: 'skip' })
  }
  const driver = await open(jobWith(10))
  await driver.send(numbers, at(100, 'a'), at(110, 'x'))
  await driver.stop()
  fails = false
  await driver.start(jobWith(50))
  await driver.send(numbers, at(120, 'a', 2), at(170, 'y'))
  expect(await changes(driver)).toEqual([
    'a 1 at 100',
    'x 1 at 110',
    'a 2 at 120',
    'x 0 at 160',
    'a 0 at 170',
    'y 1 at 170',
  ])
})
