import {
  int64,
  type Job,
  job,
  json,
  listState,
  mapState,
  sequence,
  serde,
  stream,
  string,
  table,
  topic,
  tumbling,
  valueState,
} from '@millrace/core'
import { knownJobs, openStoppedView } from '@millrace/runtime'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const orders = topic('orders', { key: string(), value: json<{ shop: string; cents: number }>() })
const out = topic('out', { key: string(), value: json<object>() })
const read = stream(orders)
const present = table(orders, 'present')
const byShop = present.groupBy((order) => order.shop, string())

/** Steps of every kind that keeps something which may be read without its code. */
const JOBS: readonly Job[] = [
  job(
    'tables',
    present,
    byShop.count('counts'),
    byShop.aggregate('sums', SUMS()),
    byShop.topN('top', 2, (each) => each.cents),
    present.every('every', 150),
  ),
  job(
    'windows',
    read.groupByKey().window(tumbling(100)).count('changes'),
    read
      .groupByKey()
      .window(tumbling(100))
      .count('now-and-then', { emit: { every: '1s' } }),
    read.groupByKey().count('plain'),
  ),
  job('cells', ...cells()),
  job(
    'waiting',
    read.inOrder('ordered', { grace: '1h' }).to(out),
    read
      .match(
        'found',
        sequence<{ cents: number }>()
          .then('one', () => true)
          .then('two', (each) => each.cents > 9)
          .within('1h'),
      )
      .to(out),
    read.dedupe('once', { within: '1h' }).to(out),
    read.join('pairs', read, (a, b) => ({ a, b }), { within: '1h' }).to(out),
    read.join('rows', present, (a, b) => ({ a, b }), { asOf: { grace: '1h' } }).to(out),
  ),
]

function SUMS() {
  return {
    init: () => ({ cents: 0 }),
    add: (total: { cents: number }, { cents }: { cents: number }) => ({ cents: total.cents + cents }),
    subtract: (total: { cents: number }, { cents }: { cents: number }) => ({ cents: total.cents - cents }),
  }
}

function cells() {
  const step = read.process('step', {
    state: {
      last: valueState(json<{ cents: number }>()),
      fading: valueState(int64(), { ttl: '1d' }),
      recent: listState(int64(), { max: 2 }),
      byShop: mapState(string(), int64()),
      own: mapState(serde<string>({ name: 'own', encode: (text) => Buffer.from(text), decode: String }), int64()),
    },
    onRecord(order, _key, { state, timestamp }) {
      state.last.set(order)
      state.fading.set(timestamp)
      state.recent.add(order.cents)
      state.byShop.set(order.shop, order.cents)
      state.own.set(order.shop, order.cents)
    },
  })
  return [step.views.last, step.views.fading, step.views.byShop]
}

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  for (const name of ['orders', 'out']) await world.topic(name)
})

afterEach(() => world.close())

test.each(JOBS.map((each) => [each.name, each] as const))(
  'a store that is read without the code of its job has the values that the job has: %s',
  async (_, theJob) => {
    const records = [7, 20, 5].map((cents, index) => ({
      key: `k${index}`,
      value: { shop: index < 2 ? 'a' : 'b', cents },
      timestamp: 1000 + index * 200,
    }))
    await world.produce('orders', orders.value, records)
    await world.runToEnd(theJob)
    const { log, env, stateDirectory } = world
    const [known] = await knownJobs({ log, env }, theJob.name)
    const views = await world.allRows(theJob)
    let compared = 0
    for (const name of known?.stores ?? []) {
      const opened = await openStoppedView({ job: known ?? expect.fail(), view: name, log, env, stateDirectory }).catch(
        (error: { code?: string }) => error.code,
      )
      // Only the code of the job knows the serdes of its inner stores.
      if (typeof opened === 'string') expect(opened).toBe('JOB_NOT_RUNNING')
      if (opened === undefined || typeof opened === 'string') continue
      const { view, close } = opened
      const rows = (await view.parts[0]?.store.range({ limit: 100 }))?.entries ?? []
      await close()
      const expected = views.get(name)
      if (expected === undefined) continue
      compared++
      expect(rows.map(({ value }) => view.value.toJson(value))).toEqual(
        [...expected.values()].map((value) => JSON.parse(JSON.stringify(value))),
      )
    }
    expect(compared).toBe(views.size)
  },
)
