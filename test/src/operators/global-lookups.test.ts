import { deadLetter, globalTable, int32, job, json, stream, string, topic, tumbling, windowed } from '@millrace/core'
import { openTestDriver } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { cities, type Order, orders, placed, placeJob, WHO, type Word } from './place-job.ts'

const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(30))

describe('a stream that is joined with a global table', () => {
  const sent = fc.oneof(
    fc.record({
      to: fc.constant('orders' as const),
      key: fc.constantFrom('x', 'y', 'z'),
      by: fc.option(fc.constantFrom(...WHO)),
    }),
    fc.record({
      to: fc.constant('cities' as const),
      key: fc.constantFrom(...WHO),
      city: fc.option(fc.constantFrom('Rom', 'Bern', 'Ulm')),
    }),
  )

  test(
    'gives each record the row that was there before it, whatever partition it is in, also after a restart without state',
    async () => {
      const plan = fc.record({
        word: fc.constantFrom<Word>('join', 'leftJoin'),
        behind: fc.constantFrom('topic' as const, 'repartition' as const),
        partitions: fc.integer({ min: 1, max: 3 }),
        records: fc.array(sent, { maxLength: 30 }),
        restarts: fc.uniqueArray(fc.nat(30), { maxLength: 3 }),
      })
      await fc.assert(
        fc.asyncProperty(plan, async ({ word, behind, partitions, records, restarts }) => {
          const driver = await openTestDriver(placeJob(word, behind), { partitions })
          const rows = new Map<string, string>()
          const expected: { id: number; city: string | null }[] = []
          for (const [id, record] of records.entries()) {
            if (record.to === 'cities') {
              if (record.city === null) rows.delete(record.key)
              else rows.set(record.key, record.city)
              await driver.send(cities, { key: record.key, value: record.city })
            } else {
              const city = record.by === null ? null : (rows.get(record.by) ?? null)
              if (city !== null || word === 'leftJoin') expected.push({ id, city })
              await driver.send(orders, { key: record.key, value: { id, by: record.by } })
            }
            if (!restarts.includes(id)) continue
            await driver.stop()
            driver.loseState()
            await driver.start()
          }
          const found = (await driver.read(placed)).flatMap(({ value }) => value ?? [])
          expect(found.sort((a, b) => a.id - b.id)).toEqual(expected)
          await driver.close()
        }),
        { numRuns: RUNS },
      )
    },
    limitMs(RUNS),
  )

  test('keeps its keys and times, and does not wait for the times of the table', async () => {
    const perHour = stream(orders)
      .join(
        'place',
        globalTable(cities),
        (order) => order.by,
        (_, city) => city,
      )
      .groupByKey()
      .window(tumbling(1000))
      .count('counts', { emit: 'final' })
    const finals = topic('finals', { key: windowed(string()), value: json<number>() })
    const driver = await openTestDriver(job('shop', perHour.changes().to(finals)))
    await driver.send(cities, { key: 'ann', value: 'Rom', timestamp: 9_000_000 })
    const order = (timestamp: number) => ({ key: 'x', value: { id: 1, by: 'ann' }, timestamp })
    await driver.send(orders, order(100), order(900), order(1000))
    expect((await driver.read(finals)).map(({ key, value }) => [key.key, key.window.start, value])).toEqual([
      ['x', 0, 2],
    ])
    expect(driver.status?.tasks[0]?.watermark).toBe(1000)
    await driver.close()
  })

  test('may have no keys', async () => {
    const visits = topic('visits', { value: json<{ by: string }>() })
    const named = stream(visits).join(
      'named',
      globalTable(cities),
      ({ by }) => by,
      ({ by }, city) => `${by} of ${city}`,
    )
    const out = topic('out', { value: json<string>() })
    const driver = await openTestDriver(job('shop', named.to(out)))
    await driver.send(cities, { key: 'ann', value: 'Rom' })
    await driver.send(visits, { value: { by: 'ann' } })
    expect((await driver.read(out)).map(({ key, value }) => [key, value])).toEqual([[null, 'ann of Rom']])
    await driver.close()
  })

  test('fails by the policy if the callback returns no key', async () => {
    const failing = stream(orders).join(
      'place',
      globalTable(cities),
      () => undefined as unknown as string,
      (_, city) => city,
    )
    const dead = topic('dead', { key: string(), value: json<Order>() })
    const theJob = job('shop', failing.to(topic('out', { key: string(), value: json<string>() })))
    const driver = await openTestDriver(theJob.onError({ callback: deadLetter(dead) }))
    await driver.send(orders, { key: 'x', value: { id: 1, by: 'ann' } })
    expect((await driver.read(dead)).map(({ value }) => value?.id)).toEqual([1])
    await driver.close()
  })
})

test('a global table needs keys, and its topic may not be written by the job', () => {
  const keyless = topic('cities', { value: int32() }) as unknown as typeof cities
  const read = stream(orders)
  const joined = (of: typeof cities) =>
    read.join(
      'place',
      globalTable(of),
      ({ by }) => by,
      (_, city) => city,
    )
  expect(() => job('shop', joined(keyless).to(placed as never))).toThrow('works by key')
  expect(() => job('shop', joined(cities).to(cities))).toThrow('writes cities, which the job also reads')
  const other = topic('cities', { key: string(), value: string() })
  expect(() => job('shop', joined(cities).to(placed as never), stream(other).to(placed as never))).toThrow(
    'two definitions',
  )
})
