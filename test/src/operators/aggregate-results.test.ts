import { MillraceClient } from '@millrace/client'
import {
  avg,
  count,
  deadLetter,
  distinct,
  type Job,
  type JobStatus,
  job,
  json,
  max,
  min,
  stream,
  string,
  sum,
  topic,
  topK,
  tumbling,
  windowed,
} from '@millrace/core'
import { startViewServer } from '@millrace/runtime'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { JobWorld, type TestRecord } from '../runtime/job-world.ts'

interface Bid {
  readonly price: number
  readonly bidder: string
}

type Bids = TestRecord<Bid>

const bids = topic('bids', { key: string(), value: json<Bid>() })
const finals = topic('finals', { key: windowed(string()), value: json<unknown>() })

describe('a ready-made aggregate', () => {
  let world: JobWorld

  beforeEach(async () => {
    world = await JobWorld.open()
    await world.topic('bids')
    await world.topic('changes')
    await world.topic('finals')
  })

  afterEach(() => world.close())

  const bid = (price: number, timestamp = 1000): Bids => ({ key: 'k', value: { price, bidder: 'ann' }, timestamp })

  test('shows its result, and not what it keeps, over HTTP, in the client, and to followers', async () => {
    const best = stream(bids)
      .groupByKey()
      .aggregate('best', { mean: avg((each) => each.price), best: topK(1, (each) => each.price) })
    const theJob = job('served', best)
    await world.produce('bids', bids.value, [bid(1), bid(4)])
    const container = await world.start(theJob)
    await world.until(container, 'bids', 2)
    const status: JobStatus = { job: 'served', phase: 'running', atMs: 0, tasks: [], problems: [] }
    const { env } = world
    const server = await startViewServer({
      job: 'served',
      views: container.views,
      status: () => status,
      env,
      port: 0,
      token: null,
    })
    const client = new MillraceClient(server.url)
    try {
      const result = { mean: 2.5, best: [{ price: 4, bidder: 'ann' }] }
      expect(await client.view(best).get('k', { after: { bids: { 0: 2 } } })).toEqual(result)
      const answer = await fetch(`${server.url}/views/best/value?key=k`)
      expect(await answer.json()).toMatchObject({ value: result })
      const followed: unknown[] = []
      const subscription = client
        .view(best)
        .changes()
        .subscribe((event) => {
          followed.push(event.kind === 'start' ? 'start' : event.entry.value)
        })
      await vi.waitUntil(() => followed.length === 1)
      await world.produce('bids', bids.value, [bid(10)])
      await vi.waitUntil(() => followed.length === 2)
      subscription.unsubscribe()
      expect(followed).toEqual(['start', { mean: 5, best: [{ price: 10, bidder: 'ann' }] }])
    } finally {
      await server.close()
      await container.stop()
    }
  })

  test('passes on the old result with the new one, so that a derived table is exactly consistent', async () => {
    const seen: unknown[] = []
    const means = stream(bids)
      .groupByKey()
      .aggregate(
        'means',
        avg((each) => each.price),
      )
      .mapValues(
        (mean) => {
          seen.push(mean)
          return `mean ${mean}`
        },
        { name: 'texts' },
      )
    await world.produce('bids', bids.value, [bid(1), bid(4)])
    await world.runToEnd(job('derived', means))
    // The old value of a row is computed again from the old result.
    expect(seen).toEqual([1, 2.5, 1])
    expect(await world.rows(job('derived', means), 'texts')).toEqual(new Map([['k', 'mean 2.5']]))
  })

  test('leaves its totals as they were when a record fails, and sends the record to the dead letters with the reason', async () => {
    await world.topic('dead')
    const table = stream(bids)
      .groupByKey()
      .aggregate('t', {
        bids: count(),
        spent: sum((each) => each.price),
        bidders: distinct((each) => each.bidder, { max: 1 }),
      })
    const theJob = job('refusing', table).onError({ callback: deadLetter('dead') })
    await world.produce('bids', bids.value, [
      bid(Number.MAX_SAFE_INTEGER),
      bid(1),
      { key: 'k', value: { price: 0, bidder: 'bob' }, timestamp: 1000 },
      bid(-1),
    ])
    await world.runToEnd(theJob)
    const row = { bids: 2, spent: Number.MAX_SAFE_INTEGER - 1, bidders: 1 }
    expect(await world.rows(theJob, 't')).toEqual(new Map([['k', row]]))
    expect(await deadLetters()).toEqual([
      [
        'TOTAL_TOO_LARGE',
        expect.stringMatching(/^Step aggregate "t" cannot add the record: spent: sum of whole numbers/),
      ],
      ['TOTAL_TOO_LARGE', expect.stringContaining('bidders: distinct has its 1 different values')],
    ])
  })

  test('stops the job by default, naming the step and the record', async () => {
    const table = stream(bids)
      .groupByKey()
      .aggregate(
        't',
        max((each) => (each.price > 1 ? Number.NaN : each.price)),
      )
    await world.produce('bids', bids.value, [bid(1), bid(2)])
    const failure = world.runToEnd(job('failing', table))
    await expect(failure).rejects.toMatchObject({ code: 'CALLBACK_FAILED', place: { topic: 'bids', offset: 1 } })
    await expect(failure).rejects.toThrow(
      'Step aggregate "t" cannot add the record: max needs a finite number or a string, not NaN (record at bids/0 offset 1)',
    )
  })

  test('sends a final result that fails downstream to the dead letters as plain JSON', async () => {
    await world.topic('dead')
    const finalMeans = stream(bids)
      .groupByKey()
      .window(tumbling(10))
      .aggregate(
        'means',
        avg((each) => each.price),
        { emit: 'final' },
      )
    const failing = finalMeans.changes().mapValues((mean): number => {
      throw new Error(`no ${mean}`)
    })
    await world.produce('bids', bids.value, [bid(1, 1000), bid(2, 1001), bid(9, 2000)])
    await world.runToEnd(job('finals-fail', finalMeans, failing.to(finals)).onError({ callback: deadLetter('dead') }))
    expect((await world.read('dead', json<unknown>())).map(([, value]) => value)).toEqual([1.5])
  })

  test.each<[string, Job, Job, RegExp]>([
    [
      'another fold',
      job(
        'changed',
        stream(bids)
          .groupByKey()
          .aggregate(
            't',
            min((each) => each.price),
          ),
      ),
      job(
        'changed',
        stream(bids)
          .groupByKey()
          .aggregate(
            't',
            max((each) => each.price),
          ),
      ),
      /fold min, now max/,
    ],
    [
      'one more fold',
      job('changed', stream(bids).groupByKey().aggregate('t', { n: count() })),
      job(
        'changed',
        stream(bids)
          .groupByKey()
          .aggregate('t', { n: count(), best: topK(2, (each) => each.price) }),
      ),
      /fold { n: count }, now { best: topK\(2\), n: count }/,
    ],
    [
      'callbacks instead of a fold',
      job('changed', stream(bids).groupByKey().aggregate('t', count())),
      job(
        'changed',
        stream(bids)
          .groupByKey()
          .aggregate('t', { init: () => 0, add: (n) => n + 1 }),
      ),
      /fold count, now none/,
    ],
  ])('is not continued as %s', async (_, before, after, message) => {
    await world.produce('bids', bids.value, [bid(1)])
    await world.runToEnd(before)
    const failure = world.runToEnd(after)
    await expect(failure).rejects.toMatchObject({ code: 'STORE_CHANGED' })
    await expect(failure).rejects.toThrow(message)
  })

  test('continues with a larger bound of distinct values', async () => {
    const counting = (most: number) =>
      job(
        'bounded',
        stream(bids)
          .groupByKey()
          .aggregate(
            't',
            distinct((each) => each.bidder, { max: most }),
          ),
      )
    await world.produce('bids', bids.value, [bid(1)])
    await world.runToEnd(counting(1))
    await world.produce('bids', bids.value, [{ key: 'k', value: { price: 0, bidder: 'bob' }, timestamp: 1000 }])
    await expect(world.runToEnd(counting(1))).rejects.toMatchObject({ code: 'TOTAL_TOO_LARGE' })
    await world.runToEnd(counting(2))
    expect(await world.rows(counting(2), 't')).toEqual(new Map([['k', 2]]))
  })

  /** Code and message of each record in the topic of dead letters. */
  async function deadLetters(): Promise<(string | undefined)[][]> {
    const reader = world.log.openReader()
    const letters: (string | undefined)[][] = []
    const from = await reader.assign('dead', 0, 0)
    for (let batch = from.poll(); batch !== undefined; batch = from.poll()) {
      while (batch.next()) {
        const headers = new Map(batch.headers().map(([name, value]) => [name, value?.toString()]))
        letters.push([headers.get('millrace.error'), headers.get('millrace.message')])
      }
    }
    await reader.close()
    return letters
  }
})
