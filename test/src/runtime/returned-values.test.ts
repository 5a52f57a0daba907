import { inspect } from 'node:util'
import {
  job,
  json,
  msgpack,
  type Output,
  otherwise,
  type Stream,
  stream,
  string,
  type Table,
  topic,
} from '@millrace/core'
import fc from 'fast-check'
import { map } from 'rxjs'
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

function produce(to: JobWorld, ...values: readonly number[]): Promise<void> {
  const records = values.map((value) => ({ key: 'k', value, timestamp: value }))
  return to.produce('numbers', numbers.value, records)
}

const anything = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
})
const common = fc.oneof(
  fc.jsonValue(),
  fc.double(),
  fc.record({ average: fc.double(), least: fc.constantFrom(undefined, Number.NEGATIVE_INFINITY, -0, 5) }),
  fc.array(fc.constantFrom(undefined, null, 1)),
  fc.constantFrom(new Date(5), Buffer.from('abc'), Promise.resolve(1)),
)

describe('a value that a callback returns', () => {
  test('is refused by policy, or is after a restart what it was before', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(common, anything), { minLength: 1, maxLength: 6 }),
        fc.constantFrom(json<unknown>(), msgpack<unknown>()),
        async (values, serde) => {
          const indexes = values.map((_, index) => index)
          const seen = async (runs: readonly (readonly number[])[]) => {
            const own = await JobWorld.open()
            try {
              for (const name of ['numbers', 'out']) await own.topic(name)
              const seenBy = (total: unknown) => inspect(total, { depth: null, sorted: true })
              const texts: string[] = []
              const totals = stream(numbers)
                .groupByKey()
                .aggregate<unknown>('totals', {
                  init: () => 'none',
                  add: (total, index) => {
                    texts.push(`${index} ${seenBy(total)}`)
                    return values[index]
                  },
                  value: serde,
                })
              const latest = stream(numbers)
                .mapValues((index) => values[index], serde)
                .toTable('latest')
              const wide = latest.mapValues((value) => [value], { name: 'wide', value: serde })
              const theJob = job('values', totals, latest, wide).onError({ callback: 'skip' })
              for (const run of runs) {
                await produce(own, ...run)
                await own.runToEnd(theJob)
              }
              const views = []
              for (const name of ['totals', 'latest', 'wide']) views.push(seenBy(await own.rows(theJob, name)))
              return { texts, views }
            } finally {
              await own.close()
            }
          }
          expect(await seen(indexes.map((index) => [index]))).toEqual(await seen([indexes]))
        },
      ),
      { numRuns: Number(process.env['MILLRACE_RANDOM_JOBS'] ?? 8) },
    )
  }, 240_000)

  type Steps = (source: Stream<string, number>) => Output | Table<string, unknown>
  const undef = (): unknown => undefined
  const promise = (): unknown => Promise.resolve(true)
  const add =
    (next: unknown): Steps =>
    (source) =>
      source.groupByKey().aggregate('s', { init: () => 0 as unknown, add: () => next })
  const cases: readonly (readonly [string, Steps, string, RegExp])[] = [
    ['NaN in a total', add({ average: Number.NaN }), 'RECORD_UNENCODABLE', /aggregate "s".*"k".*value\.average is NaN/],
    ['-Infinity as a total', add(Number.NEGATIVE_INFINITY), 'RECORD_UNENCODABLE', /the value is -Infinity/],
    ['a BigInt as a total', add(1n), 'RECORD_UNENCODABLE', /is a BigInt/],
    ['a promise as a total', add(Promise.resolve(1)), 'CALLBACK_FAILED', /aggregate "s" returned a promise/],
    ['no total', add(undefined), 'CALLBACK_FAILED', /returned undefined/],
    [
      'a Date in a table',
      (s) => s.mapValues(() => [new Date(5)]).toTable('t'),
      'RECORD_UNENCODABLE',
      /value\[0\] is an instance of Date/,
    ],
    [
      'undefined in a table',
      (s) => s.mapValues(undef).toTable('t'),
      'CALLBACK_FAILED',
      /mapValues returned undefined.*null/,
    ],
    [
      'NaN in a derived table',
      (s) => s.toTable('t').mapValues(() => [Number.NaN], { name: 'd' }),
      'RECORD_UNENCODABLE',
      /mapValues "d".*value\[0\] is NaN/,
    ],
    [
      'undefined in a derived table',
      (s) => s.toTable('t').mapValues(undef, { name: 'd' }),
      'CALLBACK_FAILED',
      /mapValues "d" returned undefined/,
    ],
    [
      'undefined in an array of an output',
      (s) => s.mapValues(() => [undefined]).to(out),
      'RECORD_UNENCODABLE',
      /value\[0\] is undefined/,
    ],
    [
      'a Map in an output',
      (s) => s.mapValues(() => ({ m: new Map() })).to(out),
      'RECORD_UNENCODABLE',
      /value\.m is an instance of Map/,
    ],
    [
      'a promise from mapValues',
      (s) => s.mapValues(promise).to(out),
      'CALLBACK_FAILED',
      /mapValues returned a promise/,
    ],
    [
      'undefined from keyBy',
      (s) => s.keyBy(undef as () => string).to(out),
      'CALLBACK_FAILED',
      /keyBy returned undefined/,
    ],
    [
      'nothing from map',
      (s) => s.map(undef as () => [string, number]).to(out),
      'CALLBACK_FAILED',
      /map returned undefined/,
    ],
    [
      'no value from map',
      (s) => s.map(() => ['k', undefined] as const).to(out),
      'CALLBACK_FAILED',
      /map returned.*undefined/,
    ],
    [
      'nothing from flatMap',
      (s) => s.flatMap(undef as () => [string, number][]).to(out),
      'CALLBACK_FAILED',
      /flatMap returned undefined/,
    ],
    [
      'an undefined pair from flatMap',
      (s) => s.flatMap(() => [undefined as unknown as [string, number]]).to(out),
      'CALLBACK_FAILED',
      /flatMap returned/,
    ],
    [
      'a promise from flatMapValues',
      (s) => s.flatMapValues(promise as () => number[]).to(out),
      'CALLBACK_FAILED',
      /flatMapValues returned a promise/,
    ],
    [
      'a hole from flatMapValues',
      (s) => s.flatMapValues(() => new Array<number>(1)).to(out),
      'CALLBACK_FAILED',
      /flatMapValues returned.*undefined/,
    ],
    [
      'an object from flatMapValues',
      (s) => s.flatMapValues((() => ({})) as () => number[]).to(out),
      'CALLBACK_FAILED',
      /flatMapValues returned a value of type object/,
    ],
    [
      'a promise from filter',
      (s) => s.filter(promise as () => boolean).to(out),
      'CALLBACK_FAILED',
      /filter returned a promise/,
    ],
    [
      'a promise from split',
      (s) => s.split({ a: promise as () => boolean, b: otherwise }).b.to(out),
      'CALLBACK_FAILED',
      /split "b" returned a promise/,
    ],
    ['a promise from peek', (s) => s.peek(promise as () => void).to(out), 'CALLBACK_FAILED', /peek returned a promise/],
    [
      'a promise from a table filter',
      (s) => s.toTable('t').filter(promise as () => boolean, { name: 'f' }),
      'CALLBACK_FAILED',
      /filter "f" returned a promise/,
    ],
    ['undefined from pipe', (s) => s.pipe(map(undef)).to(out), 'CALLBACK_FAILED', /pipe emitted undefined/],
  ]
  test.each(cases)('%s is an error of the record', async (_name, steps, code, message) => {
    await produce(world, 1)
    const theJob = job('refused', steps(stream(numbers)))
    const failure = world.runToEnd(theJob)
    await expect(failure).rejects.toMatchObject({ code, place: { topic: 'numbers', offset: 0 } })
    await expect(failure).rejects.toThrow(message)
    await world.runToEnd(theJob.onError({ callback: 'skip' }))
    expect(await world.read('out', out.value)).toEqual([])
  })

  test('may be null for a deletion', async () => {
    await produce(world, 1, 2)
    const kept = stream(numbers).mapValues((value) => (value === 2 ? null : value))
    const theJob = job('deleting', kept.toTable('latest'), kept.to(out))
    await world.runToEnd(theJob)
    expect((await world.read('out', out.value)).map(([, value]) => value)).toEqual([1, null])
    expect(await world.rows(theJob, 'latest')).toEqual(new Map())
  })
})
