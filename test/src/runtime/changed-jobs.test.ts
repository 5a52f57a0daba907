import {
  hopping,
  int64,
  type Job,
  job,
  json,
  type RefusedError,
  stream,
  string,
  table,
  topic,
  tumbling,
} from '@millrace/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cutLog } from './cut-log.ts'
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

/** The keys of the store `s`, as it was first, of which the changelog has a value. */
async function keysInChangelog(name: string): Promise<string[]> {
  const keys = new Set<string>()
  const reader = world.log.openReader()
  const from = await reader.assign(`${name}.changelog`, 0, 0)
  for (let batch = from.poll(); batch !== undefined; batch = from.poll()) {
    while (batch.next()) {
      const key = batch.bytes.latin1Slice(batch.keyStart, batch.keyEnd)
      if (!key.startsWith('s\0')) continue
      if (batch.valueStart < 0) keys.delete(key)
      else keys.add(key)
    }
  }
  await reader.close()
  return [...keys]
}

test('another job under the name of a running one is refused, and the running one continues', async () => {
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

describe('a store whose name means something else now', () => {
  const byKey = () => stream(numbers).groupByKey()
  const counted = (window: ReturnType<typeof tumbling>) => byKey().window(window).count('s')
  const paned = (panes: boolean) =>
    byKey()
      .window(hopping(10, { advance: 5, panes }))
      .count('s', { emit: 'final' })
  const other = topic('other', { key: string(), value: json<number>() })

  test.each<[string, Job, Job, RegExp]>([
    [
      'hopping for tumbling windows',
      job('j', counted(tumbling(10))),
      job('j', counted(hopping(10, { advance: 5 }))),
      /windows tumbling, now hopping; advance 10ms, now 5ms/,
    ],
    [
      'windows of another size',
      job('j', counted(tumbling(10))),
      job('j', counted(tumbling(20))),
      /window size 10ms, now 20ms/,
    ],
    [
      'another advance',
      job('j', counted(hopping(10, { advance: 5 }))),
      job('j', counted(hopping(10, { advance: 2 }))),
      /advance 5ms, now 2ms/,
    ],
    [
      'another grace',
      job('j', counted(tumbling(10))),
      job('j', counted(tumbling(10, { grace: 5 }))),
      /grace 0ms, now 5ms/,
    ],
    [
      'results at the end of windows',
      job('j', byKey().window(tumbling(10)).count('s')),
      job('j', byKey().window(tumbling(10)).count('s', { emit: 'final' })),
      /emit changes, now final/,
    ],
    ['no windows', job('j', counted(tumbling(10))), job('j', byKey().count('s')), /windows tumbling, now none/],
    [
      'another step',
      job('j', byKey().count('s')),
      job('j', byKey().aggregate('s', { init: () => 0, add: (n) => n + 1, value: int64() })),
      /step count, now aggregate/,
    ],
    [
      'a table for an aggregate',
      job(
        'j',
        byKey().reduce('s', (a, b) => a + b),
      ),
      job('j', stream(numbers).toTable('s')),
      /step reduce, now toTable/,
    ],
    [
      'another value serde',
      job('j', byKey().count('s')),
      job('j', byKey().aggregate('s', { init: () => 0, add: (n) => n + 1 })),
      /value serde int64, now json/,
    ],
    [
      'another topic',
      job('j', byKey().count('s')),
      job('j', stream(other).groupByKey().count('s')),
      /inputs topic numbers, now topic other/,
    ],
    [
      'one more topic',
      job('j', byKey().count('s')),
      job('j', stream(numbers).merge(stream(other)).groupByKey().count('s')),
      /inputs topic numbers, now topic numbers and topic other/,
    ],
    [
      'another key',
      job('j', byKey().count('s')),
      job(
        'j',
        stream(numbers)
          .groupBy((value) => `${value}`, string())
          .count('s'),
      ),
      /inputs topic numbers, now topic j\.s\.repartition/,
    ],
    [
      'times by a callback',
      job('j', counted(tumbling(10))),
      job(
        'j',
        stream(topic('numbers', { key: string(), value: json<number>(), timestamp: (value) => value }))
          .groupByKey()
          .window(tumbling(10))
          .count('s'),
      ),
      /event times by record, now callback/,
    ],
  ])('is refused for %s, by its name, and starts empty where that is allowed', async (_, before, after, message) => {
    await world.topic('other')
    await produce(1, 2, 3)
    await world.runToEnd(before)
    const refused = await world.start(after).catch((error: RefusedError) => error)
    expect(refused).toMatchObject({ code: 'STORE_CHANGED', place: { job: 'j', store: 's' } })
    expect(refused).toMatchObject({ message: expect.stringMatching(message) })
    const sizeBefore = (await world.rows(before, 's')).size
    expect(sizeBefore).toBeGreaterThan(0)
    await world.runToEnd(after, { acceptLoss: ['s'] })
    expect((await world.rows(after, 's')).size).toBe(0)
    expect(await world.start(before).catch((error: RefusedError) => error)).toMatchObject({ code: 'STORE_CHANGED' })
  })

  test('is refused if its windows are merged of panes now, or not any more', async () => {
    await produce(1, 2, 3)
    await world.runToEnd(job('j', paned(true)))
    const without = await world.start(job('j', paned(false))).catch((error: RefusedError) => error)
    expect(without).toMatchObject({ code: 'STORE_CHANGED', message: expect.stringMatching(/panes true, now none/) })
    await world.runToEnd(job('l', paned(false)))
    const withPanes = await world.start(job('l', paned(true))).catch((error: RefusedError) => error)
    expect(withPanes).toMatchObject({ code: 'STORE_CHANGED', message: expect.stringMatching(/panes none, now true/) })
  })

  test.each([1, 2, 3])(
    'keeps its entries until the job can no longer return to them, and then loses them (cut at commit %i)',
    async (commit) => {
      const before = job('j', counted(tumbling(10)))
      const after = job('j', counted(tumbling(100)))
      await produce(1, 2, 3)
      await world.runToEnd(before)
      const log = cutLog(world.log, 'before commit', commit)
      await world.start(after, { acceptLoss: ['s'], log }).then(
        (container) => container.stop(),
        () => undefined,
      )
      const returned = await world.rows(before, 's').catch((error: RefusedError) => error.code)
      expect(returned).toEqual(commit === 1 ? new Map([['k 1000', 3]]) : 'STORE_CHANGED')
      await world.runToEnd(after, { acceptLoss: ['s'] })
      expect(await keysInChangelog('j')).toEqual([])
    },
  )

  test('continues with other functions, and with windows that are kept longer or shorter', async () => {
    const kept = (retention: number) => byKey().window(tumbling(10, { retention })).count('s')
    await produce(1, 2)
    await world.runToEnd(job('j', kept(1000)))
    await produce(3)
    await world.runToEnd(job('j', kept(2000)))
    await world.runToEnd(job('j', kept(500)))
    expect(await world.rows(job('j', kept(500)), 's')).toEqual(new Map([['k 1000', 3]]))
  })

  test('is refused if the records on their way to it were written otherwise, also where it may start empty', async () => {
    const first = job('j', stream(numbers).repartition('r').groupByKey().count('s'))
    await produce(1)
    await world.runToEnd(first)
    const text = topic('numbers', { key: string(), value: string() })
    const second = job('j', stream(text).repartition('r').groupByKey().count('s'))
    const refused = await world.start(second, { acceptLoss: ['s'] }).catch((error: RefusedError) => error)
    expect(refused).toMatchObject({ code: 'STORE_CHANGED', place: { topic: 'j.r.repartition' } })
    expect(refused).toMatchObject({ message: expect.stringContaining('value serde json, now string') })
  })

  test('is refused for a derived table if the table that it comes from starts empty', async () => {
    const rows = table(numbers, 'rows')
    const large = rows.filter((value) => value > 1, { name: 'large' })
    const sum = byKey().reduce('rows', (a, b) => a + b)
    await produce(1, 2)
    await world.runToEnd(job('j', rows, large))
    const changed = job(
      'j',
      sum,
      sum.filter((value) => value > 1, { name: 'large' }),
    )
    const refused = await world.start(changed, { acceptLoss: ['rows'] }).catch((error: RefusedError) => error)
    expect(refused).toMatchObject({ place: { store: 'large' }, message: expect.stringContaining('depends on rows') })
    await world.runToEnd(changed, { acceptLoss: ['rows', 'large'] })
    await produce(5)
    await world.runToEnd(changed)
    expect(await world.rows(changed, 'large')).toEqual(new Map([['k', 5]]))
  })
})
