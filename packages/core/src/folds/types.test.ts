import { describe, expect, expectTypeOf, test } from 'vitest'
import type { WindowedTable } from '../dsl/windowed-table.ts'
import {
  approxDistinct,
  avg,
  collect,
  count,
  distinct,
  type Fold,
  first,
  job,
  json,
  last,
  max,
  min,
  quantiles,
  type SubtractableFold,
  stream,
  string,
  sum,
  type Table,
  topic,
  topK,
  tumbling,
  type Windowed,
} from '../index.ts'

interface Bid {
  readonly price: number
  readonly bidder: string
  readonly grade: 'a' | 'b'
  readonly at: Date
}

const bids = stream(topic('bids', { key: string(), value: json<Bid>() })).groupByKey()
const numbers = stream(topic('numbers', { key: string(), value: json<number>() })).groupByKey()
const words = stream(topic('words', { key: string(), value: string() })).groupByKey()

describe('ready-made folds', () => {
  test('give tables of what they compute, without annotations', () => {
    expectTypeOf(bids.aggregate('a', count())).toEqualTypeOf<Table<string, number>>()
    expectTypeOf(
      bids.aggregate(
        'b',
        sum((bid) => bid.price),
      ),
    ).toEqualTypeOf<Table<string, number>>()
    expectTypeOf(
      bids.aggregate(
        'c',
        max((bid) => bid.bidder),
      ),
    ).toEqualTypeOf<Table<string, string>>()
    expectTypeOf(
      bids.aggregate(
        'd',
        min((bid) => bid.grade),
      ),
    ).toEqualTypeOf<Table<string, 'a' | 'b'>>()
    expectTypeOf(
      bids.aggregate(
        'e',
        avg((bid) => bid.price),
      ),
    ).toEqualTypeOf<Table<string, number>>()
    expectTypeOf(bids.aggregate('f', first())).toEqualTypeOf<Table<string, Bid>>()
    expectTypeOf(
      bids.aggregate(
        'g',
        last((bid) => bid.grade),
      ),
    ).toEqualTypeOf<Table<string, 'a' | 'b'>>()
    expectTypeOf(bids.aggregate('h', collect({ max: 3 }))).toEqualTypeOf<Table<string, readonly Bid[]>>()
    expectTypeOf(bids.aggregate('i', collect({ max: 3, of: (bid) => bid.price }))).toEqualTypeOf<
      Table<string, readonly number[]>
    >()
    expectTypeOf(
      bids.aggregate(
        'j',
        distinct((bid) => bid.bidder),
      ),
    ).toEqualTypeOf<Table<string, number>>()
    expectTypeOf(
      bids.aggregate(
        'k',
        approxDistinct((bid) => bid.bidder),
      ),
    ).toEqualTypeOf<Table<string, number>>()
    expectTypeOf(
      bids.aggregate(
        'l',
        quantiles([0.5, 0.99], (bid) => bid.price),
      ),
    ).toEqualTypeOf<Table<string, readonly [number, number]>>()
    expectTypeOf(
      bids.aggregate(
        'm',
        topK(3, (bid) => bid.price),
      ),
    ).toEqualTypeOf<Table<string, readonly Bid[]>>()
    expectTypeOf(numbers.aggregate('n', sum())).toEqualTypeOf<Table<string, number>>()
    expectTypeOf(words.aggregate('o', max())).toEqualTypeOf<Table<string, string>>()
  })

  test('get value, key and context in their callbacks', () => {
    bids.aggregate(
      'a',
      sum((bid, key, context) => {
        expectTypeOf(bid).toEqualTypeOf<Bid>()
        expectTypeOf(key).toEqualTypeOf<string>()
        expectTypeOf(context.timestamp).toEqualTypeOf<number>()
        return 1
      }),
    )
  })

  test('give several results at once, by name', () => {
    const table = bids.aggregate('a', { bids: count(), highest: max((bid) => bid.price), latest: last() })
    expectTypeOf(table).toEqualTypeOf<Table<string, { bids: number; highest: number; latest: Bid }>>()
    // Names that the options of a total have are names like others.
    expectTypeOf(bids.aggregate('b', { init: count(), add: sum((bid) => bid.price) })).toEqualTypeOf<
      Table<string, { init: number; add: number }>
    >()
    const windows = bids.window(tumbling('1h'))
    expectTypeOf(windows.aggregate('c', { bids: count() }, { emit: 'final' })).toEqualTypeOf<
      WindowedTable<string, { bids: number }, Bid>
    >()
    expectTypeOf(windows.aggregate('d', count(), { emit: 'final' })).toExtend<Table<Windowed<string>, number>>()
    expectTypeOf(windows.aggregate('e', { init: () => 0, add: (n, bid) => n + bid.price, emit: 'final' })).toExtend<
      Table<Windowed<string>, number>
    >()
  })

  test('do not compile for what they cannot compute', () => {
    // @ts-expect-error: the name is not a number
    const name = bids.aggregate('a', { total: sum((bid) => bid.bidder) })
    // @ts-expect-error: the values are not numbers
    words.aggregate('b', sum())
    // @ts-expect-error: the values are not numbers
    words.aggregate('c', { total: avg() })
    // @ts-expect-error: bids cannot be compared
    bids.aggregate('d', max())
    // @ts-expect-error: dates cannot be compared
    const date = bids.aggregate('e', { at: min((bid) => bid.at) })
    // @ts-expect-error: a bid has no such field
    bids.aggregate('f', { best: max((bid) => bid.prize) })
    // @ts-expect-error: collect needs a bound
    bids.aggregate('g', collect({}))
    // @ts-expect-error: a BigInt cannot be counted
    const large = bids.aggregate('h', { n: distinct(() => 5n) })
    // @ts-expect-error: only windows have a final result
    bids.aggregate('i', count(), { emit: 'final' })
    // @ts-expect-error: not a fold
    bids.aggregate('j', { bids: 5 })
    expect([name, date, large]).toHaveLength(3)
  })

  test('are subtractable only if a record can be taken out of their totals', () => {
    expectTypeOf(count()).toExtend<SubtractableFold<unknown, unknown, number>>()
    expectTypeOf(sum((bid: Bid) => bid.price)).toExtend<SubtractableFold<unknown, Bid, number>>()
    expectTypeOf(quantiles([1], (bid: Bid) => bid.price)).toExtend<SubtractableFold<unknown, Bid, readonly [number]>>()
    expectTypeOf(max((bid: Bid) => bid.price)).toExtend<Fold<unknown, Bid, number>>()
    expectTypeOf(max((bid: Bid) => bid.price)).not.toExtend<SubtractableFold<unknown, Bid, number>>()
  })
})

test('folds with wrong parameters, and what is not a fold, are problems of the job', () => {
  const wrong = bids.aggregate('wrong', {
    none: collect({ max: 0 }),
    half: topK(1.5, (bid) => bid.price),
    many: distinct((bid) => bid.bidder, { max: -1 }),
    far: quantiles([0.5, 1.5], (bid) => bid.price),
    no: quantiles([], (bid) => bid.price),
    // As a job in JavaScript may have it.
    count: count as unknown as Fold<string, Bid, number>,
  })
  const problems = [
    'none: max of collect must be a whole number, at least 1, not 0',
    'half: n of topK must be a whole number, at least 1, not 1.5',
    'many: max of distinct must be a whole number, at least 1, not -1',
    'far: a quantile must be from 0 to 1, not 1.5',
    'no: quantiles needs at least one quantile, such as 0.5',
    'count is not a fold such as count()',
  ].map((problem) => `\n- Step aggregate "wrong" cannot compute this: ${problem}`)
  expect(() => job('j', wrong)).toThrow(`It has 6 problems:${problems.join('')}`)
  expect(() => job('j', bids.aggregate('none', {}))).toThrow(
    'Step aggregate "none" cannot compute this: no fold is given. Give at least one, such as count()',
  )
})
