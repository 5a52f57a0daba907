import { deadLetter, int32, job, stream, string, table, topic, tumbling } from '@millrace/core'
import { openTestDriver } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { trials } from '../crash/extent.ts'
import { JobWorld, type TestRecord } from '../runtime/job-world.ts'
import { cutRuns, runCut } from './cut-runs.ts'
import { judged } from './two-sides.ts'

/** The number of random inputs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(15))
const TTL_MS = 40
const WINDOW_MS = 30

const numbers = topic('numbers', { key: string(), value: int32() })

const rows = table(numbers, 'rows', { ttl: TTL_MS })
const plain = table(numbers, 'plain')
/** Behind a repartition topic, each task gets records of several partitions. */
const moved = stream(numbers).repartition('again').toTable('moved', { ttl: TTL_MS })

const groups = rows.groupBy((value) => `g${value % 3}`, string()).count('groups')
const sums = rows
  .groupBy((value) => `g${value % 3}`, string())
  .reduce('sums', {
    add: (total, value) => total + value,
    subtract: (total, value) => total - value,
  })
const greatest = rows.topN('greatest', 3, (value) => value)
const pairs = plain.leftJoin('pairs', rows, (last, row) => `${last} ${row}`, { value: string() })
const large = rows.filter((value) => value > 50, { name: 'large' })

/** All changes of a table in words, key by key in their order; and how many of them are in time for each window. */
function changesOf(name: string, changing: typeof rows) {
  const words = changing.changes().process(name, {
    value: string(),
    onRecord: (value, _key, { emit, timestamp }) => emit(`${value} at ${timestamp}`),
    onTombstone: (_key, { emit, timestamp }) => emit(`gone at ${timestamp}`),
  })
  const behind = words.keyBy((_text, key) => `of ${key}`, string()).repartition(`${name}-behind`)
  const log = behind
    .groupByKey()
    .aggregate(`${name}-log`, { init: (): string[] => [], add: (all, text) => [...all, text] })
  const windows = behind.groupByKey().window(tumbling(WINDOW_MS)).count(`${name}-windows`)
  return [log, windows]
}

const theJob = job(
  'fading',
  rows,
  moved,
  groups,
  sums,
  greatest,
  pairs,
  large,
  ...changesOf('rows-changes', rows),
  ...changesOf('moved-changes', moved),
)

type Sent = TestRecord<number> & { readonly key: string; readonly partition: number }

interface Change {
  readonly text: string
  readonly timestamp: number
  readonly watermark: number
}

/** The changes of one key, from its records alone; `last` is the time that all partitions reach. */
function changesByHand(records: readonly (Sent & { readonly watermark: number })[], last: number): Change[] {
  const changes: Change[] = []
  let row: { readonly end: number; readonly setAt: number } | undefined
  const endUpTo = (watermark: number) => {
    if (row === undefined || row.end > watermark) return
    const { end, setAt } = row
    changes.push({ text: `gone at ${end}`, timestamp: end, watermark: Math.max(end, setAt) })
    row = undefined
  }
  for (const { value, timestamp, watermark } of records) {
    endUpTo(watermark)
    if (value === null && row === undefined) continue
    changes.push({ text: `${value === null ? 'gone' : value} at ${timestamp}`, timestamp, watermark })
    row = value === null ? undefined : { end: timestamp + TTL_MS, setAt: watermark }
  }
  endUpTo(last)
  return changes
}

function expectedViews(records: readonly Sent[], last: number): Record<string, Map<string, unknown>> {
  const latest = new Map(records.map((record) => [record.key, record]))
  const known = [...latest.values()].flatMap(({ key, value, timestamp }) =>
    value === null ? [] : [{ key, value, timestamp }],
  )
  const present = known.filter(({ timestamp }) => timestamp + TTL_MS > last)
  const values = new Map(present.map(({ key, value }) => [key, value]))
  const byGroup = Map.groupBy(present, ({ value }) => `g${value % 3}`)
  const first = [...present].sort((a, b) => b.value - a.value || (a.key < b.key ? -1 : 1)).slice(0, 3)
  const byKey = Map.groupBy(judged(records, Number.POSITIVE_INFINITY).inTime, ({ key }) => key)
  const changes = [...byKey].flatMap(([key, each]) => {
    const ofKey = changesByHand(each, last)
    return ofKey.length === 0 ? [] : [[key, ofKey] as const]
  })
  const log = new Map(changes.map(([key, each]) => [`of ${key}`, each.map(({ text }) => text)]))
  const windows = new Map<string, number>()
  for (const [key, each] of changes) {
    for (const { timestamp, watermark } of each) {
      const start = timestamp - (timestamp % WINDOW_MS)
      const window = `of ${key} ${start}`
      if (watermark < start + WINDOW_MS) windows.set(window, (windows.get(window) ?? 0) + 1)
    }
  }
  return {
    rows: values,
    moved: values,
    groups: new Map([...byGroup].map(([group, each]) => [group, each.length])),
    sums: new Map([...byGroup].map(([group, each]) => [group, each.reduce((total, { value }) => total + value, 0)])),
    greatest: new Map(
      first.length === 0 ? [] : [['all', first.map(({ key, value }, index) => ({ rank: index + 1, key, value }))]],
    ),
    pairs: new Map(known.map(({ key, value }) => [key, `${value} ${values.get(key) ?? null}`])),
    large: new Map([...values].filter(([, value]) => value > 50)),
    'rows-changes-log': log,
    'rows-changes-windows': windows,
    'moved-changes-log': log,
    'moved-changes-windows': windows,
  }
}

const input = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  made: fc.array(
    fc.record({
      key: fc.integer({ min: 0, max: 8 }),
      value: fc.option(fc.integer({ min: 0, max: 99 }), { freq: 8 }),
      back: fc.oneof(
        { weight: 3, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: 0, max: 90 }) },
      ),
      step: fc.oneof(
        { weight: 12, arbitrary: fc.integer({ min: 0, max: 9 }) },
        { weight: 1, arbitrary: fc.constant(70) },
      ),
    }),
    { minLength: 10, maxLength: 250 },
  ),
  runs: cutRuns,
})

test(
  'rows leave a table when a loop by hand takes them out, with the same changes, wherever the job is cut off',
  async () => {
    await fc.assert(
      fc.asyncProperty(input, async ({ partitions, made, runs }) => {
        const world = await JobWorld.open()
        await world.topic('numbers', { partitions })
        let now = 100
        const records: Sent[] = made.map(({ key, value, back, step }) => {
          now += step
          return { key: `k${key}`, value, timestamp: now - back, partition: key % partitions }
        })
        for (let partition = 0; partition < partitions; partition++) {
          records.push({ key: `end${partition}`, value: 1, timestamp: now, partition })
        }
        // A partition that is empty in the first run would hold back no time, and its records be late behind those of others.
        const begin = Array.from({ length: partitions }, (_, partition): Sent => {
          return { key: `begin${partition}`, value: 1, timestamp: 0, partition }
        })
        await world.produce('numbers', numbers.value, begin)
        await runCut(world, theJob, runs, records.length, (from, to) =>
          world.produce('numbers', numbers.value, records.slice(from, to)),
        )
        const found = await world.allRows(theJob)
        const expected = expectedViews([...begin, ...records], now)
        for (const [view, entries] of Object.entries(expected)) expect(found.get(view), view).toEqual(entries)
        await world.close()
      }),
      { numRuns: RUNS },
    )
  },
  RUNS * 8000,
)

describe('a row with a time to live', () => {
  const log = topic('log', { key: string(), value: int32() })
  const fading = table(numbers, 'fading', { ttl: 10 })
  const fadingJob = job('j', fading, fading.changes().to(log))
  const at = (timestamp: number, key: string, value: number | null = 1) => ({ key, value, timestamp })
  const open = async (...parameters: Parameters<typeof openTestDriver>) => {
    const driver = await openTestDriver(...parameters)
    onTestFinished(() => driver.close())
    return driver
  }
  type Driver = Awaited<ReturnType<typeof open>>
  const changes = async (driver: Driver) =>
    (await driver.read(log)).map(({ key, value, timestamp }) => `${key} ${value} at ${timestamp}`)

  test('leaves at its time, as a deletion, before a record of the same time', async () => {
    const driver = await open(fadingJob)
    await driver.send(numbers, at(100, 'b'), at(100, 'a'), at(109, 'x'))
    expect(await changes(driver)).toEqual(['b 1 at 100', 'a 1 at 100', 'x 1 at 109'])
    await driver.send(numbers, at(110, 'y'))
    expect(await changes(driver)).toEqual(['a null at 110', 'b null at 110', 'y 1 at 110'])
    expect(await driver.view(fading).get('a')).toBeUndefined()
    expect(await driver.view(fading).get('x')).toBe(1)
  })

  test('stays while records of its key come, and begins again with one at its end', async () => {
    const driver = await open(fadingJob)
    await driver.send(numbers, at(100, 'a', 1), at(109, 'a', 2), at(118, 'a', 3), at(128, 'a', 4))
    expect(await changes(driver)).toEqual(['a 1 at 100', 'a 2 at 109', 'a 3 at 118', 'a null at 128', 'a 4 at 128'])
  })

  test('has the time of its last record, also if that is earlier than the one before', async () => {
    const driver = await open(fadingJob)
    await driver.send(numbers, at(100, 'a', 1), at(95, 'a', 2), at(105, 'x'))
    expect(await changes(driver)).toEqual(['a 1 at 100', 'a 2 at 95', 'a null at 105', 'x 1 at 105'])
  })

  test('leaves at once if its last record is older than that', async () => {
    const driver = await open(fadingJob)
    await driver.send(numbers, at(100, 'x'), at(80, 'a', 1), at(101, 'x', 2))
    expect(await changes(driver)).toEqual(['x 1 at 100', 'a 1 at 80', 'a null at 90', 'x 2 at 101'])
  })

  test('is deleted by a tombstone, and its end then passes nothing on', async () => {
    const driver = await open(fadingJob)
    await driver.send(numbers, at(100, 'a'), at(101, 'a', null), at(102, 'a', null), at(200, 'x'))
    expect(await changes(driver)).toEqual(['a 1 at 100', 'a null at 101', 'x 1 at 200'])
  })

  test('stays while its partition is idle, whatever the clock and the other partitions have reached', async () => {
    const driver = await open(fadingJob, { partitions: 2 })
    await driver.send(numbers, { ...at(100, 'a'), partition: 0 }, { ...at(500, 'b'), partition: 1 })
    await driver.advance('1h')
    expect(await driver.view(fading).get('a')).toBe(1)
    await driver.send(numbers, { ...at(110, 'c'), partition: 0 })
    expect(await driver.view(fading).get('a')).toBeUndefined()
  })

  describe('of two topics, of which one is behind', () => {
    const others = topic('others', { key: string(), value: int32() })
    const merged = stream(numbers).merge(stream(others)).toTable('fading', { ttl: 10 })

    test('leaves before a record of its key for which it is over, and before others in the order of their times', async () => {
      const driver = await open(job('j', merged.changes().to(log)), { idleAfterMs: Number.POSITIVE_INFINITY })
      await driver.send(others, at(50, 'x'))
      await driver.send(numbers, at(100, 'a', 1), at(101, 'b', 2), at(150, 'a', 3), at(170, 'a', null))
      expect(await changes(driver)).toEqual([
        'x 1 at 50',
        'a 1 at 100',
        'b 2 at 101',
        'a null at 110',
        'a 3 at 150',
        'a null at 160',
      ])
      await driver.send(others, at(200, 'y'))
      expect(await changes(driver)).toEqual(['x null at 60', 'b null at 111', 'y 1 at 200'])
    })

    test('is judged by the steps behind as if it had left in time', async () => {
      const windows = merged
        .changes()
        .process('words', {
          value: string(),
          onRecord: (value, _key, { emit }) => emit(`${value}`),
          onTombstone: (_key, { emit }) => emit('gone'),
        })
        .groupByKey()
        .window(tumbling(5))
        .count('windows')
      const driver = await open(job('j', windows), { idleAfterMs: Number.POSITIVE_INFINITY })
      await driver.send(others, at(50, 'x'))
      await driver.send(numbers, at(100, 'a', 1), at(150, 'a', 3))
      const starts: number[] = []
      for await (const { window } of driver.view(windows).windows('a')) starts.push(window.start)
      expect(starts).toEqual([100, 110, 150])
    })
  })

  test('stays when a run ends that closes windows', async () => {
    const world = await JobWorld.open()
    onTestFinished(() => world.close())
    await world.topic('numbers')
    const counts = stream(numbers).groupByKey().window(tumbling(5)).count('counts', { emit: 'final' })
    const closing = job('closing', fading, counts)
    await world.produce('numbers', numbers.value, [at(100, 'a'), at(104, 'b')])
    await world.runToEnd(closing, { closeWindows: true })
    expect((await world.allRows(closing)).get('fading')).toEqual(
      new Map([
        ['a', 1],
        ['b', 1],
      ]),
    )
  })

  test('leaves after a restart without the local state as it would have left', async () => {
    const driver = await open(fadingJob)
    await driver.send(numbers, at(100, 'a'), at(103, 'b'), at(105, 'a', 2))
    await driver.stop()
    driver.loseState()
    await driver.start()
    await driver.send(numbers, at(120, 'x'))
    expect((await changes(driver)).slice(3)).toEqual(['b null at 113', 'a null at 115', 'x 1 at 120'])
  })

  test('leaves at the same time if the topic was compacted before the job reads it', async () => {
    const made = job('compacted', rows, groups)
    const [all, compacted] = await Promise.all(
      (['delete', 'compact'] as const).map(async (cleanup) => {
        const world = await JobWorld.open()
        onTestFinished(() => world.close())
        await world.topic('numbers', { cleanup, segmentBytes: 1024 })
        for (let batch = 0; batch < 12; batch++) {
          const records = Array.from({ length: 40 }, (_, index) => {
            const time = 1000 + 3 * (40 * batch + index)
            // Some keys come all the time, some once in a while, and one in two is out of order.
            const key = index % 4 === 0 ? `rare${(batch + index) % 30}` : `k${index % 9}`
            return at(time - (index % 2) * 20, key, index)
          })
          await world.produce('numbers', numbers.value, records)
        }
        await world.log.admin.clean('numbers')
        await world.runToEnd(made)
        const read = await world.read('numbers', int32())
        return { records: read.length, views: await world.allRows(made) }
      }),
    )
    expect(all?.records).toBe(480)
    expect(compacted?.records).toBeLessThan(100)
    expect(compacted?.views).toEqual(all?.views)
    expect(compacted?.views.get('rows')?.size).toBeGreaterThan(3)
  })

  test('is not there any more for records that are joined as of its end or later', async () => {
    const orders = topic('orders', { key: string(), value: int32() })
    const joined = topic('joined', { key: string(), value: string() })
    const words = stream(orders).leftJoin('words', fading, (order, row) => `${order} ${row}`, {
      asOf: { grace: 5 },
      value: string(),
    })
    const driver = await open(job('j', words.to(joined)))
    await driver.send(numbers, at(100, 'a', 7), at(200, 'x'))
    await driver.send(orders, at(99, 'a', 1), at(100, 'a', 2), at(109, 'a', 3), at(110, 'a', 4), at(200, 'x'))
    expect((await driver.read(joined)).map(({ value }) => value)).toEqual(['1 null', '2 7', '3 7', '4 null'])
  })

  test('stays, and so does what is made of it, if what follows fails at its end, until its next record', async () => {
    const letters = topic('letters', { key: string(), value: string() })
    const others = topic('others', { key: string(), value: int32() })
    const both = table(others, 'others').leftJoin(
      'both',
      fading,
      (other, row) => {
        if (row === null) throw new Error('no row')
        return `${other} ${row}`
      },
      { value: string() },
    )
    const driver = await open(job('j', fading, both).onError({ callback: deadLetter(letters) }))
    await driver.send(numbers, at(100, 'a', 1))
    await driver.send(others, at(100, 'a', 7))
    await driver.send(numbers, at(110, 'x'))
    expect(await driver.view(fading).get('a')).toBe(1)
    expect(await driver.view(both).get('a')).toBe('7 1')
    expect(await driver.read(letters)).toMatchObject([{ key: 'a', value: 'ttl', timestamp: 110 }])
    await driver.send(numbers, at(111, 'a', 2))
    expect(await driver.view(both).get('a')).toBe('7 2')
    await driver.send(numbers, at(121, 'y'))
    expect(await driver.read(letters)).toMatchObject([{ key: 'a', value: 'ttl', timestamp: 121 }])
    await driver.send(numbers, at(122, 'a', null))
    expect(await driver.read(letters)).toMatchObject([{ key: 'a', value: null, timestamp: 122 }])
  })

  test('needs a new store in a job whose table had no time to live', async () => {
    const driver = await open(job('j', table(numbers, 'fading')))
    await driver.send(numbers, at(100, 'a'))
    await driver.stop()
    await expect(driver.start(fadingJob)).rejects.toMatchObject({ code: 'STORE_CHANGED' })
  })

  test.each([
    [5, ['a null at 110', 'b 1 at 110', 'b null at 115', 'x 1 at 120']],
    [30, ['b 1 at 110', 'x 1 at 120']],
  ])('keeps the end that it has until that comes if the time to live becomes %d', async (ttl, expected) => {
    const driver = await open(fadingJob)
    await driver.send(numbers, at(100, 'a'))
    await driver.stop()
    const other = table(numbers, 'fading', { ttl })
    await driver.start(job('j', other, other.changes().to(log)))
    await driver.send(numbers, at(110, 'b'), at(120, 'x'))
    expect((await changes(driver)).slice(1)).toEqual(expected)
  })
})
