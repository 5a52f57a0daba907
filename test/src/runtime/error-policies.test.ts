import { deadLetter, int32, job, json, stream, string, topic } from '@millrace/core'
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

describe('error policies', () => {
  test('fail by default, naming the record, and continue once it is corrected', async () => {
    await produce(1, 2, 3)
    const make = (fn: (value: number) => number) => job('fails', stream(numbers).mapValues(fn).to(out))
    const failing = make((value) => {
      if (value === 2) throw new Error('two is too much')
      return value
    })
    const failure = world.runToEnd(failing)
    await expect(failure).rejects.toMatchObject({ code: 'CALLBACK_FAILED', place: { topic: 'numbers', offset: 1 } })
    await expect(failure).rejects.toThrow(/mapValues threw: two is too much.*numbers\/0 offset 1/)
    await world.runToEnd(make((value) => value * 10))
    expect((await outputs()).at(-1)).toEqual(['k', 30])
  })

  test('skip and count, or send to the dead letters with the reason', async () => {
    await world.topic('dead')
    await produce(1, 2, 3)
    const undecodable = topic('numbers', { key: string(), value: int32() })
    const deadLettered = job('buried', stream(undecodable).to(topic('out', { key: string(), value: int32() }))).onError(
      {
        undecodable: deadLetter('dead'),
      },
    )
    const container = await world.start(deadLettered, { untilEnd: true })
    let counts = { undecodable: 0, deadLettered: 0 }
    container.status.subscribe(({ tasks }) => {
      counts = tasks[0]?.counts ?? counts
    })
    await container.done
    expect(counts).toMatchObject({ undecodable: 3, deadLettered: 3 })
    expect((await world.read('dead', numbers.value)).map((record) => record[1])).toEqual([1, 2, 3])
    const reader = world.log.openReader()
    const batch = (await reader.assign('dead', 0, 0)).poll()
    batch?.next()
    const headers = new Map(batch?.headers().map(([name, value]) => [name, Buffer.from(value ?? []).toString()]))
    expect(headers.get('millrace.error')).toBe('RECORD_UNDECODABLE')
    expect(headers.get('millrace.topic')).toBe('numbers')
    expect(headers.get('millrace.offset')).toBe('0')
    await reader.close()

    const skipping = stream(numbers).mapValues((value) => {
      if (value === 2) throw new Error('no')
      return value
    })
    await world.runToEnd(job('skipping', skipping.to(out)).onError({ callback: 'skip' }))
    expect((await outputs()).map((each) => (each as unknown[])[1])).toEqual([1, 3])
  })

  test('decide about records without a key if the topic is read with keys, and about those alone', async () => {
    await world.topic('dead')
    await world.topic('strict')
    await world.produce('numbers', numbers.value, [
      { key: 'k', value: 1, timestamp: 1 },
      { key: null, value: 2, timestamp: 2 },
      { key: null, value: null, timestamp: 3 },
      { key: 'k', value: 4, timestamp: 4 },
    ])
    const make = (name: string, sink: typeof out) =>
      job(
        name,
        stream(numbers)
          .filter(() => true)
          .toTable('latest'),
        stream(numbers).to(sink),
      )
    // Records that it processes before it stops may be committed.
    const strict = make('strict', topic('strict', out))
    const failure = world.runToEnd(strict.onError({ callback: 'skip', undecodable: 'skip' }))
    await expect(failure).rejects.toMatchObject({ code: 'KEY_MISSING', place: { topic: 'numbers', offset: 1 } })
    await expect(failure).rejects.toThrow(/numbers\/0 offset 1 has no key.*keyless/)
    const container = await world.start(make('lenient', out).onError({ keyless: deadLetter('dead') }), {
      untilEnd: true,
    })
    let counts = { keyless: 0, deadLettered: 0, undecodable: 0, failed: 0 }
    container.status.subscribe(({ tasks }) => {
      counts = tasks[0]?.counts ?? counts
    })
    await container.done
    expect(counts).toMatchObject({ keyless: 2, deadLettered: 2, undecodable: 0, failed: 0 })
    expect(await outputs()).toEqual([
      ['k', 1],
      ['k', 4],
    ])
    expect((await world.read('dead', numbers.value)).map(([key, value]) => [key, value])).toEqual([
      [null, 2],
      [null, null],
    ])
  })

  test('do not apply if the topic is read without keys', async () => {
    await world.topic('plain', { partitions: 1 })
    await world.produce('numbers', numbers.value, [
      { key: null, value: 1, timestamp: 1 },
      { key: 'ignored', value: 2, timestamp: 2 },
      { key: null, value: 3, timestamp: 3 },
    ])
    const keyless = stream(topic('numbers', { value: json<number>() }))
    const plain = topic('plain', { value: json<unknown>() })
    const counted = keyless.groupBy((value) => `n${value % 2}`, string()).count('counted')
    const theJob = job(
      'keyless',
      keyless.mapValues((value, key) => [value, key]).to(plain),
      keyless.to(() => 'plain'),
      counted,
    )
    await world.runToEnd(theJob)
    const records = (await world.read('plain', plain.value)).map(([key, value]) => [key, value])
    expect(records).toEqual(
      [1, 2, 3].flatMap((value) => [
        [null, [value, null]],
        [null, value],
      ]),
    )
    expect(await world.rows(theJob, 'counted')).toEqual(
      new Map([
        ['n0', 1],
        ['n1', 2],
      ]),
    )
  })

  test('count a key that a callback left out as an error of the record', async () => {
    await produce(1, 2, 3)
    const rekeyed = stream(numbers).keyBy((value) => (value === 2 ? null : `n${value}`) as string, string())
    const theJob = job('left-out', rekeyed.to(out), rekeyed.toTable('latest'))
    await expect(world.runToEnd(theJob)).rejects.toMatchObject({ code: 'KEY_MISSING' })
    await world.runToEnd(theJob.onError({ callback: 'skip' }))
    expect(await outputs()).toEqual([
      ['n1', 1],
      ['n3', 3],
    ])
    expect([...(await world.rows(theJob, 'latest')).keys()]).toEqual(['n1', 'n3'])
  })

  test('name a record that does not decode', async () => {
    await produce(1)
    const wrong = topic('numbers', { key: string(), value: int32() })
    await expect(world.runToEnd(job('wrong', stream(wrong).to(out)))).rejects.toThrow(
      /value of the record at numbers\/0 offset 0 does not decode as int32/,
    )
  })

  test('never skip an error that is not about one record', async () => {
    await world.topic('tiny', { recordBytesMax: 20 })
    await produce(1)
    const tiny = topic('tiny', { key: string(), value: json<string>() })
    const large = stream(numbers).mapValues(() => 'x'.repeat(100))
    const failure = world.runToEnd(job('large', large.to(tiny)))
    await expect(failure).rejects.toMatchObject({ code: 'RECORD_TOO_LARGE' })
  })
})
