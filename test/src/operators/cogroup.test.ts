import { rmSync } from 'node:fs'
import { cogroup, job, json, stream, string, topic } from '@millrace/core'
import { knownJobs, openStoppedView } from '@millrace/runtime'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { COMMIT_POINTS, Cut, cutLog, guaranteeAt } from '../runtime/cut-log.ts'
import { JobWorld, type TestRecord } from '../runtime/job-world.ts'

/** The number of random inputs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(9))

interface Order {
  readonly customer: string
  readonly cents: number
}

const orders = topic('orders', { key: string(), value: json<Order>() })
const visits = topic('visits', { key: string(), value: json<number>() })
const changes = topic('changes', { key: string(), value: json<Customer>() })

interface Customer {
  readonly cents: number
  readonly pages: number
  readonly latest: number
}

const NOTHING: Customer = { cents: 0, pages: 0, latest: 0 }

// Orders have another key, and come through a repartition topic. Visits are in the partition of their customer.
const customers = cogroup('customers', { init: () => NOTHING })
  .add(
    'orders',
    stream(orders).groupBy((order) => order.customer, string()),
    (total, { cents }, _, { timestamp }) => ({
      ...total,
      cents: total.cents + cents,
      latest: Math.max(total.latest, timestamp),
    }),
  )
  .add('visits', stream(visits).repartition('by-visitor').groupByKey(), (total, pages, _, { timestamp }) => ({
    ...total,
    pages: total.pages + pages,
    latest: Math.max(total.latest, timestamp),
  }))
const theJob = job('cogroups', customers, customers.changes().to(changes))

type Input =
  | { readonly topic: 'orders'; readonly record: TestRecord<Order> }
  | { readonly topic: 'visits'; readonly record: TestRecord<number> }

function byHand(inputs: readonly Input[]): Map<string, Customer> {
  const rows = new Map<string, Customer>()
  for (const { topic, record } of inputs) {
    if (record.value === null) continue
    const key = topic === 'orders' ? record.value.customer : `${record.key}`
    const { cents, pages, latest } = rows.get(key) ?? NOTHING
    rows.set(key, {
      cents: cents + (topic === 'orders' ? record.value.cents : 0),
      pages: pages + (topic === 'visits' ? record.value : 0),
      latest: Math.max(latest, record.timestamp),
    })
  }
  return rows
}

const names = fc.constantFrom('ann', 'bob', 'cid', 'dee')
const amount = fc.integer({ min: 0, max: 50 })
const place = { timestamp: fc.integer({ min: 1000, max: 2000 }), partition: fc.nat({ max: 2 }) }

const input: fc.Arbitrary<Input> = fc.oneof(
  fc
    .record({
      key: names,
      value: fc.option(fc.record({ customer: names, cents: amount }), { freq: 8 }),
      ...place,
    })
    .map((record) => ({ topic: 'orders' as const, record })),
  fc
    .record({ key: names, value: fc.option(amount, { freq: 8 }), ...place })
    .map((record) => ({ topic: 'visits' as const, record })),
)

const plan = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  inputs: fc.array(input, { minLength: 1, maxLength: 200 }),
  runs: fc.array(
    fc.record({
      point: fc.constantFrom(...COMMIT_POINTS),
      countdown: fc.integer({ min: 1, max: 6 }),
      loseState: fc.boolean(),
      commitIntervalMs: fc.integer({ min: 1, max: 4 }),
    }),
    { maxLength: 3 },
  ),
})

async function produce(world: JobWorld, inputs: readonly Input[], partitions: number): Promise<void> {
  const placed = <V>(record: TestRecord<V>) => ({ ...record, partition: (record.partition ?? 0) % partitions })
  const ordered = inputs.flatMap((input) => (input.topic === 'orders' ? [placed(input.record)] : []))
  const visited = inputs.flatMap((input) => (input.topic === 'visits' ? [placed(input.record)] : []))
  await world.produce('orders', orders.value, ordered)
  await world.produce('visits', visits.value, visited)
}

test(
  'cogroups of random streams, cut off at random commits, come to what a fold by hand comes to',
  async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ partitions, inputs, runs }) => {
        const world = await JobWorld.open()
        for (const name of ['orders', 'visits']) await world.topic(name, { partitions })
        await world.topic('changes')
        let produced = 0
        for (const [index, { point, countdown, loseState, commitIntervalMs }] of runs.entries()) {
          const upTo = Math.round((inputs.length * (index + 1)) / (runs.length + 1))
          await produce(world, inputs.slice(produced, upTo), partitions)
          produced = upTo
          const log = cutLog(world.log, point, countdown)
          const outcome = await world
            .runToEnd(theJob, { log, guarantee: guaranteeAt(point), commitIntervalMs })
            .catch((error: unknown) => error)
          if (outcome !== undefined && !(outcome instanceof Cut)) throw outcome
          if (loseState) rmSync(world.stateDirectory, { recursive: true, force: true })
        }
        await produce(world, inputs.slice(produced), partitions)
        await world.runToEnd(theJob)
        const expected = byHand(inputs)
        expect(await world.rows(theJob, 'customers')).toEqual(expected)
        // A change has the highest time among the records in its total.
        const passed = await world.read('changes', changes.value)
        expect(new Map(passed.map(([key, value]) => [key, value]))).toEqual(expected)
        for (const [, value, time] of passed) expect(time).toBe(value?.latest)
        await world.close()
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS),
)

describe('a cogroup', () => {
  test('can be queried while its job does not run', async () => {
    const world = await JobWorld.open()
    for (const name of ['orders', 'visits', 'changes']) await world.topic(name)
    await world.produce('visits', visits.value, [{ key: 'ann', value: 3, timestamp: 1000 }])
    await world.runToEnd(theJob)
    const { log, env, stateDirectory } = world
    const [known] = await knownJobs({ log, env }, 'cogroups')
    if (known === undefined) throw new Error('the job has not run')
    const stopped = await openStoppedView({ job: known, view: 'customers', log, env, stateDirectory })
    expect(await stopped.view.parts[0]?.store.get('ann')).toEqual({ cents: 0, pages: 3, latest: 1000 })
    await stopped.close()
    await world.close()
  })

  test('leaves the total as it was when a callback of one stream fails in the middle of changing it', async () => {
    const world = await JobWorld.open()
    for (const name of ['orders', 'visits']) await world.topic(name)
    const mutable = cogroup('mutable', { init: () => ({ cents: 0, pages: 0 }) })
      .add('orders', stream(orders).groupByKey(), (total, { cents }) => {
        total.cents += cents
        if (cents === 13) throw new Error('unlucky')
        return total
      })
      .add('visits', stream(visits).groupByKey(), (total, pages) => {
        total.pages += pages
        return total
      })
    const skipping = job('skipping', mutable).onError({ callback: 'skip' })
    const order = (cents: number) => ({ key: 'ann', value: { customer: 'ann', cents }, timestamp: 1000 })
    await world.produce('orders', orders.value, [order(1), order(13), order(2)])
    await world.produce('visits', visits.value, [{ key: 'ann', value: 5, timestamp: 1000 }])
    await world.runToEnd(skipping)
    expect(await world.rows(skipping, 'mutable')).toEqual(new Map([['ann', { cents: 3, pages: 5 }]]))
    await world.close()
  })
})
