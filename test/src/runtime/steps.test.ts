import { hopping, job, json, otherwise, stream, string, table, topic, tumbling } from '@millrace/core'
import { map, scan } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const out = topic('out', { key: string(), value: json<unknown>() })

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('numbers')
  await world.topic('out')
})

afterEach(() => world.close())

/** Records with the given values, one a second, under key `k`. */
function produce(...values: (number | null)[]): Promise<void> {
  const records = values.map((value, index) => ({ key: 'k', value, timestamp: 1000 * index }))
  return world.produce('numbers', numbers.value, records)
}

async function outputs(): Promise<unknown[]> {
  return (await world.read('out', out.value)).map(([key, value]) => [key, value])
}

describe('steps', () => {
  test('map, filter and flat-map records, in order', async () => {
    await produce(1, 2, 3, 4)
    const even = stream(numbers)
      .filter((value) => value % 2 === 0)
      .mapValues((value) => value * 10)
      .flatMapValues((value) => [value, value + 1])
    const odd = stream(numbers)
      .filterNot((value) => value % 2 === 0)
      .map((value, key) => [`${key}${value}`, -value] as const, { key: string() })
    await world.runToEnd(job('steps', even.merge(odd).to(out)))
    expect(await outputs()).toEqual([
      ['k1', -1],
      ['k', 20],
      ['k', 21],
      ['k3', -3],
      ['k', 40],
      ['k', 41],
    ])
  })

  test('pass the key of a record on behind a merge with a stream of other keys', async () => {
    await produce(1, 2)
    const rekeyed = stream(numbers).keyBy((value) => `n${value}`, string())
    const counts = rekeyed
      .merge(stream(numbers))
      .mapValues((value) => value + 1, json<number>())
      .groupByKey()
      .count('counts')
    const theJob = job('merged', counts)
    await world.runToEnd(theJob)
    expect(Object.fromEntries(await world.rows(theJob, 'counts'))).toEqual({ n1: 1, n2: 1, k: 2 })
  })

  test('pass tombstones on if keys stay the same, and call no callback for them', async () => {
    await produce(1, null)
    const seen: unknown[] = []
    const steps = stream(numbers)
      .peek((value) => {
        seen.push(value)
      })
      .filter(() => true)
      .mapValues((value) => value + 1)
    const rekeyed = stream(numbers).keyBy((value) => `n${value}`, string())
    await world.runToEnd(job('tombstones', steps.to(out), rekeyed.to(out)))
    expect(seen).toEqual([1])
    expect(await outputs()).toEqual([
      ['k', 2],
      ['n1', 1],
      ['k', null],
    ])
  })

  test('split each record into the first branch that accepts it', async () => {
    await produce(5, 15, 25)
    const { small, medium, rest } = stream(numbers).split({
      small: (value) => value < 10,
      medium: (value) => value < 20,
      rest: otherwise,
    })
    const tagged = small
      .mapValues((value) => `small ${value}`)
      .merge(medium.mapValues((value) => `medium ${value}`))
      .merge(rest.mapValues((value) => `rest ${value}`))
    await world.runToEnd(job('split', tagged.to(out)))
    expect((await outputs()).map((each) => (each as unknown[])[1])).toEqual(['small 5', 'medium 15', 'rest 25'])
  })

  test('run synchronous RxJS operators', async () => {
    await produce(1, 2, 3)
    const sums = stream(numbers).pipe(
      map((value) => value * 2),
      scan((sum, value) => sum + value, 0),
    )
    await world.runToEnd(job('pipe', sums.to(out)))
    expect(await outputs()).toEqual([
      ['k', 2],
      ['k', 6],
      ['k', 12],
    ])
  })

  test('see the record that they are called for', async () => {
    await produce(7)
    const where = stream(numbers).mapValues((_, key, context) => [
      key,
      context.topic,
      context.partition,
      context.offset,
      context.timestamp,
    ])
    await world.runToEnd(job('context', where.to(out)))
    expect(await outputs()).toEqual([['k', ['k', 'numbers', 0, 0, 0]]])
  })

  test('send records to topics that they choose themselves', async () => {
    await world.topic('even', { partitions: 2 })
    await world.topic('odd')
    await produce(1, 2, 3, 4)
    const chosen = stream(numbers).to((value) => (value % 2 === 0 ? 'even' : 'odd'))
    await world.runToEnd(job('chosen', chosen))
    const value = json<number>()
    expect((await world.read('odd', value)).map((record) => record[1])).toEqual([1, 3])
    const even = [...(await world.read('even', value, 0)), ...(await world.read('even', value, 1))]
    expect(even.map((record) => record[1])).toEqual([2, 4])
    await produce(5)
    const missing = stream(numbers).to(() => 'nowhere')
    await expect(world.runToEnd(job('missing', missing))).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
  })

  test('take the records of several inputs by their time', async () => {
    await world.topic('others')
    const others = topic('others', { key: string(), value: json<number>() })
    await world.produce(
      'numbers',
      numbers.value,
      [10, 30, 50].map((timestamp) => ({ key: 'k', value: timestamp, timestamp })),
    )
    await world.produce(
      'others',
      numbers.value,
      [20, 25, 60].map((timestamp) => ({ key: 'k', value: timestamp, timestamp })),
    )
    await world.runToEnd(job('merged', stream(numbers).merge(stream(others)).to(out)))
    expect((await outputs()).map((each) => (each as unknown[])[1])).toEqual([10, 20, 25, 30, 50, 60])
  })

  test('take event time from the value if the topic has a timestamp callback', async () => {
    const timed = topic('numbers', { key: string(), value: json<number>(), timestamp: (value) => value })
    await produce(5000, 7000)
    await world.runToEnd(job('timed', stream(timed).to(out)))
    expect((await world.read('out', out.value)).map((record) => record[2])).toEqual([5000, 7000])
  })
})

describe('tables', () => {
  test('keep the latest value, derive rows, and emit deletions', async () => {
    const rows = table(numbers, 'latest')
    const large = rows.filter((value) => value >= 10, { name: 'large' })
    const doubled = large.mapValues((value) => value * 2, { name: 'doubled' })
    await produce(1, 10, 20, 5, null)
    const theJob = job('tables', rows, large, doubled, doubled.changes().to(out))
    await world.runToEnd(theJob)
    expect(await outputs()).toEqual([
      ['k', 20],
      ['k', 40],
      ['k', null],
    ])
    expect(await world.rows(theJob, 'latest')).toEqual(new Map())
    await produce(30)
    await world.runToEnd(theJob)
    expect(await world.rows(theJob, 'latest')).toEqual(new Map([['k', 30]]))
    expect(await world.rows(theJob, 'doubled')).toEqual(new Map([['k', 60]]))
  })

  test('hold values that are larger than the records of the topics around them', async () => {
    const large = stream(numbers)
      .groupBy(() => 'k', string())
      .aggregate('large', {
        init: () => '',
        add: (text: string) => `${text}${'x'.repeat(700_000)}`,
        value: json<string>(),
      })
    await produce(1, 2, 3)
    const theJob = job('large-values', large)
    await world.runToEnd(theJob)
    expect(String((await world.rows(theJob, 'large')).get('k'))).toHaveLength(2_100_000)
  })

  test('count and reduce by key', async () => {
    await produce(3, 9, 4)
    const counts = stream(numbers).groupByKey().count('counts')
    const greatest = stream(numbers)
      .groupByKey()
      .reduce('greatest', (a, b) => Math.max(a, b))
    const theJob = job('folds', counts, greatest)
    await world.runToEnd(theJob)
    expect(await world.rows(theJob, 'counts')).toEqual(new Map([['k', 3]]))
    expect(await world.rows(theJob, 'greatest')).toEqual(new Map([['k', 9]]))
  })
})

describe('windows', () => {
  test('emit only final results if that is requested, also behind a repartition', async () => {
    const sums = stream(numbers)
      .groupBy((value) => (value % 2 === 0 ? 'even' : 'odd'), string())
      .window(tumbling('5s'))
      .reduce('sums', (a, b) => a + b, { emit: 'final' })
    await produce(...Array.from({ length: 13 }, (_, index) => index))
    const named = sums.changes().map((value, { key, window }) => [`${key} ${window.start}`, value] as const)
    const theJob = job('final', named.to(out))
    await world.runToEnd(theJob)
    expect(new Map((await outputs()) as [string, number][])).toEqual(
      new Map([
        ['even 0', 6],
        ['odd 0', 4],
        ['even 5000', 14],
        ['odd 5000', 21],
      ]),
    )
    await world.produce('numbers', numbers.value, [{ key: 'k', value: 100, timestamp: 15_000 }])
    await world.runToEnd(theJob)
    expect((await outputs()).slice(4)).toEqual(
      expect.arrayContaining([
        ['even 10000', 22],
        ['odd 10000', 11],
      ]),
    )
    expect(await outputs()).toHaveLength(6)
  })

  test('overlap if they hop', async () => {
    const counts = stream(numbers)
      .groupByKey()
      .window(hopping('4s', { advance: '2s' }))
      .count('counts')
    await produce(0, 0, 0, 0)
    const theJob = job('hops', counts)
    await world.runToEnd(theJob)
    expect(await world.rows(theJob, 'counts')).toEqual(
      new Map([
        ['k -2000', 2],
        ['k 0', 4],
        ['k 2000', 2],
      ]),
    )
  })

  test('pass late records on, and count them', async () => {
    const counts = stream(numbers)
      .groupByKey()
      .window(tumbling('1s', { grace: '1s' }))
      .count('counts')
    const at = (timestamp: number) => ({ key: 'k', value: timestamp, timestamp })
    await world.produce('numbers', numbers.value, [at(0), at(1500), at(500), at(2000), at(400), at(1400)])
    const theJob = job('late', counts, counts.late().to(out))
    const container = await world.start(theJob, { untilEnd: true })
    let late = 0
    container.status.subscribe(({ tasks }) => {
      late = tasks.reduce((sum, { counts }) => sum + counts.late, 0)
    })
    await container.done
    expect(await outputs()).toEqual([['k', 400]])
    expect(late).toBe(1)
    expect(await world.rows(theJob, 'counts')).toEqual(
      new Map([
        ['k 0', 2],
        ['k 1000', 2],
        ['k 2000', 1],
      ]),
    )
  })

  test('judge lateness after a restart as without one', async () => {
    const counts = stream(numbers).groupByKey().window(tumbling('1s')).count('counts')
    const theJob = job('late-restart', counts, counts.late().to(out))
    const at = (timestamp: number) => ({ key: 'k', value: timestamp, timestamp })
    await world.produce('numbers', numbers.value, [at(0), at(5000)])
    await world.runToEnd(theJob)
    await world.produce('numbers', numbers.value, [at(100)])
    await world.runToEnd(theJob)
    expect(await outputs()).toEqual([['k', 100]])
  })

  test('are deleted when their retention is over, also from the tables that are derived from them', async () => {
    const counts = stream(numbers)
      .groupByKey()
      .window(tumbling('1s', { retention: '2s' }))
      .count('counts')
    const doubled = counts.mapValues((count) => count * 2, { name: 'doubled' })
    const theJob = job('retention', counts, doubled)
    await produce(1, 1, 1, 1, 1, 1)
    await world.runToEnd(theJob)
    const kept = ['k 2000', 'k 3000', 'k 4000', 'k 5000']
    expect([...(await world.rows(theJob, 'counts')).keys()]).toEqual(kept)
    expect([...(await world.rows(theJob, 'doubled')).keys()]).toEqual(kept)
  })
})
