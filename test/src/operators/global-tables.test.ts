import { rmSync } from 'node:fs'
import { deadLetter, globalTable, job, json, stream, string, topic } from '@millrace/core'
import { planJob, resetJob, rewind } from '@millrace/runtime'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { Cut, cutLog, guaranteeAt } from '../runtime/cut-log.ts'
import { JobWorld, shared, type TestRecord } from '../runtime/job-world.ts'
import { StandbyWorld, warm } from '../runtime/standby-world.ts'
import { cutRuns } from './cut-runs.ts'
import { cities, type Order, orders, placed, placeJob, WHO } from './place-job.ts'

/** The number of random runs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(30))
const ORDER_PARTITIONS = 2
const CITY_PARTITIONS = 3

describe('a job with a global table', () => {
  let world: JobWorld

  beforeEach(async () => {
    world = await worldOfOrders()
  })

  afterEach(() => world.close())

  async function worldOfOrders(): Promise<JobWorld> {
    const made = await JobWorld.open()
    await made.topic('orders', { partitions: ORDER_PARTITIONS })
    await made.topic('cities', { partitions: CITY_PARTITIONS })
    for (const name of ['placed', 'copies', 'dead']) await made.topic(name)
    return made
  }

  const cityOf = (who: string, value: string | null): TestRecord<string> => ({
    key: who,
    value,
    timestamp: 1,
    partition: WHO.indexOf(who) % CITY_PARTITIONS,
  })
  const order = (id: number, by: string | null): TestRecord<Order> => ({
    key: `k${id}`,
    value: { id, by },
    timestamp: 1000 + id,
    partition: id % ORDER_PARTITIONS,
  })
  const send = {
    cities: (...records: TestRecord<string>[]) => world.produce('cities', cities.value, records),
    orders: (...records: TestRecord<Order>[]) => world.produce('orders', orders.value, records),
  }
  const outputs = async () =>
    (await world.read('placed', placed.value)).flatMap(([, value]) => (value === null ? [] : [value]))
  const cityById = async () => new Map((await outputs()).map(({ id, city }) => [id, city]))
  const place = () => ({ job: 'shop', log: world.log, env: world.env, stateDirectory: world.stateDirectory })

  test(
    'has the whole table in each task before it takes its first record, however often it is cut off',
    async () => {
      const batch = fc.record({
        run: cutRuns,
        changes: fc.array(
          fc.array(fc.record({ who: fc.constantFrom(...WHO), present: fc.boolean() }), { maxLength: 6 }),
          {
            minLength: 4,
            maxLength: 4,
          },
        ),
      })
      await fc.assert(
        fc.asyncProperty(batch, async ({ run, changes }) => {
          await world.close()
          world = await worldOfOrders()
          const theJob = placeJob('leftJoin')
          /** By run: the rows as they were when it began. */
          const rows: Map<string, string>[] = []
          let ids = 0
          let isExact = true
          /** By order: whose it is, and the first run that could process it. */
          const placedOrders: { readonly by: string; readonly since: number }[] = []
          const begin = async (index: number) => {
            const now = new Map(rows.at(-1))
            for (const { who, present } of changes[index] ?? []) {
              const city = present ? `${who} ${index}` : null
              if (city === null) now.delete(who)
              else now.set(who, city)
              await send.cities(cityOf(who, city))
            }
            rows.push(now)
            for (const by of [...WHO, ...WHO]) {
              placedOrders.push({ by, since: index })
              await send.orders(order(ids++, by))
            }
          }
          for (const [index, { point, countdown, loseState, commitIntervalMs }] of run.entries()) {
            await begin(index)
            const guarantee = guaranteeAt(point)
            isExact &&= guarantee === 'exactly-once'
            const options = { log: cutLog(world.log, point, countdown), guarantee, commitIntervalMs }
            const outcome = await world.runToEnd(theJob, options).catch((error: unknown) => error)
            if (outcome !== undefined && !(outcome instanceof Cut)) throw outcome
            if (loseState) rmSync(world.stateDirectory, { recursive: true, force: true })
          }
          await begin(run.length)
          await world.runToEnd(theJob)
          const found = await outputs()
          if (isExact) expect(found.map(({ id }) => id).sort((a, b) => a - b)).toEqual(placedOrders.map((_, id) => id))
          for (const { id, city } of found) {
            const { by = '', since = 0 } = placedOrders[id] ?? {}
            // It was processed in one of the runs since then, each of which had the whole table as it was then.
            expect(rows.slice(since).map((each) => each.get(by) ?? null)).toContain(city)
          }
          for (const [id, { since }] of placedOrders.entries()) {
            if (since === run.length)
              expect(found).toContainEqual({ id, city: rows.at(-1)?.get(placedOrders[id]?.by ?? '') ?? null })
          }
        }),
        { numRuns: Math.ceil(RUNS / 2) },
      )
    },
    limitMs(RUNS),
  )

  test('runs in several processes, each with the whole table, and follows it', async () => {
    await send.cities(...WHO.map((who) => cityOf(who, `${who} 0`)))
    const containers = await Promise.all([1, 2].map(() => world.start(placeJob('join'))))
    await shared(containers, ORDER_PARTITIONS)
    await send.orders(...WHO.map((who, id) => order(id, who)))
    for (const container of containers) await container.caughtUp()
    await send.cities(cityOf('ann', 'ann 1'))
    for (const container of containers) await container.caughtUp()
    await send.orders(...WHO.map((who, id) => order(4 + id, who)))
    for (const container of containers) await container.caughtUp()
    for (const container of containers) await container.stop()
    const places = await cityById()
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((id) => places.get(id))).toEqual([
      ...WHO.map((who) => `${who} 0`),
      'ann 1',
      ...WHO.slice(1).map((who) => `${who} 0`),
    ])
  })

  test('is taken over by standbys with its rows, and continues in the table where the former process was', async () => {
    const warmWorld = await StandbyWorld.open()
    onTestFinished(() => warmWorld.close())
    const { jobs } = warmWorld
    await jobs.topic('orders', { partitions: ORDER_PARTITIONS })
    await jobs.topic('cities', { partitions: CITY_PARTITIONS })
    await jobs.topic('placed')
    await jobs.produce('cities', cities.value, [cityOf('ann', 'Rom'), cityOf('bob', 'Bern')])
    const [first, second] = [
      await warmWorld.start({ job: placeJob('leftJoin') }),
      await warmWorld.start({ job: placeJob('leftJoin') }),
    ]
    await Promise.all([warm(first, 1, 1), warm(second, 1, 1)])
    await jobs.produce('cities', cities.value, [cityOf('ann', 'Ulm')])
    await Promise.all([first.caughtUp(), second.caughtUp()])
    await first.stop()
    await warm(second, 2, 0)
    await jobs.produce('cities', cities.value, [cityOf('bob', null)])
    await jobs.produce(
      'orders',
      orders.value,
      ['ann', 'ann', 'bob', 'bob'].map((who, id) => order(id, who)),
    )
    await second.caughtUp()
    const found = (await jobs.read('placed', placed.value)).map(([, value]) => [value?.id, value?.city])
    expect(new Map(found as [number, string | null][])).toEqual(
      new Map([0, 1, 2, 3].map((id) => [id, id < 2 ? 'Ulm' : null])),
    )
  })

  test('has no position of the table in its views, which have a part for each task', async () => {
    await send.cities(cityOf('ann', 'Rom'))
    await send.orders(order(0, 'ann'), order(1, 'ann'))
    const counts = stream(orders)
      .join(
        'place',
        globalTable(cities),
        ({ by }) => by,
        (_, city) => city,
      )
      .groupByKey()
      .count('counts')
    const theJob = job('shop', counts)
    await world.runToEnd(theJob)
    const container = await world.start(theJob)
    expect(container.views.map(({ partitions, sources, completeFrom }) => [partitions, sources, completeFrom])).toEqual(
      [[2, { orders: { 0: 0, 1: 0 } }, {}]],
    )
    expect(container.views[0]?.parts.map(({ position }) => position)).toEqual([
      { orders: { 0: 1 } },
      { orders: { 1: 1 } },
    ])
    await container.stop()
  })

  test('gets another one without a loss, though the job has read the topic already', async () => {
    const copies = topic('copies', { key: string(), value: json<string>() })
    const first = stream(orders)
      .join(
        'place',
        globalTable(cities),
        ({ by }) => by,
        ({ id }, city) => ({ id, city }),
      )
      .to(placed)
    await send.cities(cityOf('ann', 'Rom'))
    await send.orders(order(0, 'ann'))
    await world.runToEnd(job('shop', first))
    const second = stream(orders)
      .join(
        'copy',
        globalTable(cities),
        ({ by }) => by,
        (_, city) => city,
      )
      .to(copies)
    const theJob = job('shop', first, second)
    expect((await planJob(theJob, world)).refusals).toEqual([])
    await send.orders(order(1, 'ann'))
    await world.runToEnd(theJob)
    expect(await outputs()).toEqual([
      { id: 0, city: 'Rom' },
      { id: 1, city: 'Rom' },
    ])
    expect((await world.read('copies', copies.value)).map(([, city]) => city)).toEqual(['Rom'])
    // Its copy of the table is not read again once it is there.
    await world.runToEnd(job('shop', first))
    await send.cities(cityOf('ann', 'Ulm'))
    await world.runToEnd(job('shop', first))
    await send.orders(order(2, 'ann'))
    await world.runToEnd(theJob)
    expect((await world.read('copies', copies.value)).map(([, city]) => city)).toEqual(['Rom', 'Ulm'])
  })

  test('reads the whole table again if its store starts empty', async () => {
    await send.cities(cityOf('ann', 'Rom'))
    await world.runToEnd(placeJob('join'))
    const texts = topic('cities', { key: string(), value: string() })
    const changed = stream(orders).join(
      'place',
      globalTable(texts),
      ({ by }) => by,
      ({ id }, city) => ({ id, city }),
    )
    await send.orders(order(0, 'ann'))
    await expect(world.runToEnd(job('shop', changed.to(placed)))).rejects.toMatchObject({ code: 'STORE_CHANGED' })
    await world.runToEnd(job('shop', changed.to(placed)), { acceptLoss: ['place'] })
    expect(await outputs()).toEqual([{ id: 0, city: '"Rom"' }])
  })

  test('is refused if the topic is another one, until it is reset', async () => {
    await send.cities(cityOf('ann', 'Rom'))
    await world.runToEnd(placeJob('join'))
    await world.log.admin.deleteTopic('cities')
    await world.topic('cities', { partitions: CITY_PARTITIONS })
    const refused = { code: 'TOPIC_REPLACED', place: { topic: 'cities' } }
    await expect(world.runToEnd(placeJob('join'))).rejects.toMatchObject(refused)
    expect((await planJob(placeJob('join'), world)).refusals.map(({ code }) => code)).toEqual(['TOPIC_REPLACED'])
    await resetJob(place())
    await world.runToEnd(placeJob('join'))
  })

  test('is rewound without the table or with it', async () => {
    await send.cities(cityOf('ann', 'Rom'))
    await send.orders(order(0, 'ann'))
    await world.runToEnd(placeJob('join'))
    await send.cities(cityOf('ann', 'Ulm'))
    const options = { ...place(), data: world.directory }
    for (const keepState of [true, false]) {
      const position = { orders: { 0: 0 } }
      await rewind(options, { to: { kind: 'position', position }, keepState, repeatOutputs: true })
      await world.runToEnd(placeJob('join'))
    }
    expect(await outputs()).toEqual(['Rom', 'Ulm', 'Ulm'].map((city) => ({ id: 0, city })))
  })

  test('appends a record of the table that cannot be read to the dead letters once, though all tasks read it', async () => {
    const theJob = placeJob('leftJoin').onError({ undecodable: deadLetter('dead') })
    await world.produce(
      'cities',
      string(),
      [0, 1, 2].map((partition) => ({ key: 'ann', value: '{', timestamp: 1, partition })),
    )
    await send.orders(order(0, 'ann'), order(1, 'ann'))
    await world.runToEnd(theJob)
    expect(await world.read('dead', string())).toHaveLength(3)
    expect(await outputs()).toHaveLength(2)
    await resetJob(place())
    await expect(world.runToEnd(placeJob('join'))).rejects.toMatchObject({ code: 'RECORD_UNDECODABLE' })
  })
})
