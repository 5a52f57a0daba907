import { int64, job, json, mapState, stream, string, topic, valueState } from '@millrace/core'
import { openTestDriver } from '@millrace/testing'
import { expect, onTestFinished, test } from 'vitest'
import { JobWorld } from '../runtime/job-world.ts'

const clicks = topic('clicks', { key: string(), value: int64(), aheadMax: 'unlimited' })
const out = topic('out', { key: string(), value: json<unknown>() })

const sums = stream(clicks).process('step', {
  state: { sum: valueState(int64()) },
  onRecord: (value, _key, { state: { sum } }) => sum.set((sum.get() ?? 0) + value),
})

test('a cell that is added to a running job is new, and the others stay', async () => {
  const world = await JobWorld.open()
  onTestFinished(() => world.close())
  await world.topic('clicks')
  await world.produce('clicks', int64(), [
    { key: 'ann', value: 5, timestamp: 1 },
    { key: 'bob', value: 7, timestamp: 2 },
  ])
  await world.runToEnd(job('clicking', sums.views.sum))
  const both = stream(clicks).process('step', {
    state: { perValue: mapState(int64(), int64(), { ttl: '1d' }), sum: valueState(int64()) },
    onRecord(value, _key, { state: { sum, perValue } }) {
      sum.set((sum.get() ?? 0) + value)
      perValue.set(value, (perValue.get(value) ?? 0) + 1)
    },
  })
  const changed = job('clicking', both.views.sum, both.views.perValue)
  await expect(world.runToEnd(changed)).rejects.toMatchObject({
    code: 'STORE_BEHIND',
    message: expect.stringMatching(/step\.perValue[\s\S]*step\.perValue\.expiry/),
  })
  await world.produce('clicks', int64(), [{ key: 'ann', value: 5, timestamp: 3 }])
  await world.runToEnd(changed, { acceptLoss: ['step.perValue', 'step.perValue.expiry'] })
  expect(await world.allRows(changed)).toEqual(
    new Map([
      [
        'step.sum',
        new Map([
          ['ann', 10],
          ['bob', 7],
        ]),
      ],
      ['step.perValue', new Map([['ann,5', 1]])],
    ]),
  )
})

test('maps and values can be queried, by the pair of their keys', async () => {
  const step = stream(clicks).process('step', {
    state: { perValue: mapState(int64(), int64()), sum: valueState(int64()) },
    onRecord(value, _key, { state: { sum, perValue } }) {
      sum.set((sum.get() ?? 0) + value)
      perValue.set(value, (perValue.get(value) ?? 0) + 1)
    },
  })
  const driver = await openTestDriver(job('clicking', step.views.perValue, step.views.sum), { partitions: 3 })
  onTestFinished(() => driver.close())
  await driver.send(clicks, { key: 'ann', value: 5 }, { key: 'ann', value: 5 }, { key: 'bob', value: 7 })
  expect(await driver.view(step.views.sum).get('ann')).toBe(10)
  expect(await driver.view(step.views.perValue).get(['ann', 5])).toBe(2)
  expect(await driver.view(step.views.perValue).get(['bob', 5])).toBeUndefined()
})

const reminders = stream(clicks).process('step', {
  value: json<unknown>(),
  onRecord: (value, _key, { timers }) => timers.remind.wallAfter(value),
  timers: { remind: (_key, { emit, wallTime }) => emit(typeof wallTime) },
})

test('a wall timer that came due while its job did not run fires when the job runs again, once', async () => {
  const driver = await openTestDriver(job('reminding', reminders.to(out)))
  onTestFinished(() => driver.close())
  await driver.send(clicks, { key: 'ann', value: 60_000 }, { key: 'bob', value: 600_000 })
  await driver.advance('30s')
  expect(await driver.read(out)).toEqual([])
  await driver.stop()
  driver.loseState()
  await driver.advance('1m')
  await driver.start()
  await driver.advance('1s')
  expect((await driver.read(out)).map(({ key }) => key)).toEqual(['ann'])
  await driver.advance('10m')
  expect((await driver.read(out)).map(({ key }) => key)).toEqual(['bob'])
  await driver.advance('1d')
  expect(await driver.read(out)).toEqual([])
})

test('a wall timer fires in a process that has nothing to read', { timeout: 30_000 }, async () => {
  const world = await JobWorld.open()
  onTestFinished(() => world.close())
  await world.topic('clicks')
  await world.topic('out')
  await world.produce('clicks', int64(), [{ key: 'ann', value: 300, timestamp: 1 }])
  const container = await world.start(job('reminding', reminders.to(out)))
  onTestFinished(() => container.stop())
  const found = async () => (await world.read('out', json<unknown>())).map(([key]) => key)
  while ((await found()).length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  expect(await found()).toEqual(['ann'])
})
