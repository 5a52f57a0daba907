import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../bytes/byte-writer.ts'
import type { RecordContext } from '../plan/callback.ts'
import { approxDistinct } from './approx-distinct.ts'
import { avg } from './avg.ts'
import { collect } from './collect.ts'
import { count } from './count.ts'
import { distinct } from './distinct.ts'
import { first, last } from './first-last.ts'
import { type Fold, type FoldParts, type Folds, partsOf } from './fold.ts'
import { resultsOfTotals, totalsOf } from './folded.ts'
import { max, min } from './min-max.ts'
import { quantiles } from './quantiles.ts'
import { several } from './several.ts'
import { sum } from './sum.ts'
import { topK } from './top-k.ts'

interface Bid {
  readonly price: number
  readonly bidder: string
}

interface Timed {
  readonly at: number
  readonly bid: Bid
}

type BidFold = FoldParts<string, Bid, unknown>

/** A fold, and what it comes to, computed from all records at once. */
interface Example {
  readonly name: string
  readonly fold: Fold<string, Bid, unknown>
  readonly byHand: (records: readonly Timed[]) => unknown
}

const text = (bid: Bid) => JSON.stringify(bid)
const compareTexts = (a: string, b: string) => (a < b ? -1 : Number(a > b))
const compare = (a: Timed, b: Timed) => a.at - b.at || compareTexts(text(a.bid), text(b.bid))
const inOrder = (records: readonly Timed[]) => [...records].sort(compare)
const cents = ({ bid }: Timed) => Math.round(bid.price * 4)

function example(name: string, fold: Fold<string, Bid, unknown>, byHand: Example['byHand']): Example {
  return { name, fold, byHand }
}

const singles: readonly Example[] = [
  example('count', count(), (records) => records.length),
  // Prices are quarters: their sums have no error, whatever computes them.
  example(
    'sum',
    sum((bid) => bid.price),
    (records) => records.reduce((total, { bid }) => total + bid.price, 0),
  ),
  example(
    'sum of tenths',
    sum((bid) => Math.round(bid.price * 4) / 10),
    (records) => {
      const tenths = records.reduce((total, record) => total + cents(record), 0)
      // The sum of the nearest numbers to tenths is not the nearest to their sum, but as near as 1e-12.
      return expect.closeTo(tenths / 10, 9)
    },
  ),
  example(
    'min',
    min((bid) => bid.price),
    (records) => Math.min(...records.map(({ bid }) => bid.price)),
  ),
  example(
    'max',
    max((bid) => bid.bidder),
    (records) =>
      records
        .map(({ bid }) => bid.bidder)
        .sort(compareTexts)
        .at(-1),
  ),
  example(
    'avg',
    avg((bid) => bid.price),
    (records) => records.reduce((total, { bid }) => total + bid.price, 0) / records.length,
  ),
  example('first', first(), (records) => inOrder(records)[0]?.bid),
  example(
    'last',
    last((bid) => bid.price),
    (records) => {
      const latest = Math.max(...records.map(({ at }) => at))
      return Math.max(...records.flatMap(({ at, bid }) => (at === latest ? [bid.price] : [])))
    },
  ),
  example('collect', collect({ max: 5 }), (records) =>
    inOrder(records)
      .slice(0, 5)
      .map(({ bid }) => bid),
  ),
  example(
    'distinct',
    distinct((bid) => bid.bidder),
    (records) => new Set(records.map(({ bid }) => bid.bidder)).size,
  ),
  example(
    'approxDistinct',
    approxDistinct((bid) => bid.bidder),
    (records) => new Set(records.map(({ bid }) => bid.bidder)).size,
  ),
  example(
    'quantiles',
    quantiles([0, 0.5, 1], (bid) => bid.price),
    (records) => {
      const prices = records.map(({ bid }) => bid.price).sort((a, b) => a - b)
      const exact = [0, Math.floor(0.5 * (prices.length - 1)), prices.length - 1].map((at) => prices[at] ?? 0)
      return exact.map((price) =>
        expect.toSatisfy((found: number) => Math.abs(found - price) <= Math.abs(price) * 0.0100001),
      )
    },
  ),
  example(
    'topK',
    topK(3, (bid) => bid.price),
    (records) =>
      [...records]
        .sort((a, b) => b.bid.price - a.bid.price || compare(a, b))
        .slice(0, 3)
        .map(({ bid }) => bid),
  ),
]

const together = <T>(folds: Folds<string, Bid, T>) => several(folds)

const examples: readonly (Pick<Example, 'name' | 'byHand'> & { readonly parts: BidFold })[] = [
  ...singles.map(({ name, fold, byHand }) => ({ name, parts: partsOf(fold), byHand })),
  {
    name: 'several at once',
    parts: together(Object.fromEntries(singles.map(({ name, fold }) => [name, fold]))),
    byHand: (records) => Object.fromEntries(singles.map(({ name, byHand }) => [name, byHand(records)])),
  },
  {
    name: 'several without a rest',
    parts: together({ bids: count(), highest: max((bid) => bid.price) }),
    byHand: (records) => ({ bids: records.length, highest: Math.max(...records.map(({ bid }) => bid.price)) }),
  },
]

const timed: fc.Arbitrary<Timed> = fc.record({
  at: fc.integer({ min: 0, max: 9 }),
  bid: fc.record({
    price: fc.integer({ min: -40, max: 400 }).map((quarters) => quarters / 4),
    bidder: fc.constantFrom('ann', 'bob', 'cid', 'dee', '', '\u{1f600}'),
  }),
})
const someRecords = fc.array(timed, { minLength: 1, maxLength: 25 })
const shuffledRecords = someRecords.chain((records) =>
  fc.tuple(fc.constant(records), fc.shuffledSubarray(records, { minLength: records.length })),
)

const contextAt = (timestamp: number) => ({ timestamp }) as RecordContext

function totalOf({ init, add }: BidFold, records: readonly Timed[], from: unknown = init()): unknown {
  return records.reduce((total, { at, bid }) => add(total, bid, 'k', contextAt(at)), from)
}

describe.each(examples)('the fold $name', ({ parts, byHand }) => {
  test('comes to what a computation of all records at once comes to, in every order', () => {
    fc.assert(
      fc.property(shuffledRecords, ([records, shuffled]) => {
        const total = totalOf(parts, records)
        expect(parts.result(total)).toEqual(byHand(records))
        expect(totalOf(parts, shuffled)).toEqual(total)
      }),
    )
  })

  test('merges the totals of two parts, also of one without records, to the total of all', () => {
    fc.assert(
      fc.property(someRecords, fc.array(timed, { maxLength: 25 }), (some, others) => {
        const [a, b] = [totalOf(parts, some), totalOf(parts, others)]
        const all = totalOf(parts, [...some, ...others])
        expect(parts.merge(a, b)).toEqual(all)
        expect(parts.merge(b, a)).toEqual(all)
      }),
    )
  })

  test('takes out what was put in, if it can', () => {
    const { subtract } = parts
    if (subtract === undefined) return
    fc.assert(
      fc.property(someRecords, someRecords, (some, others) => {
        const without = others.reduce(
          (total, { at, bid }) => subtract(total, bid, 'k', contextAt(at)),
          totalOf(parts, [...some, ...others]),
        )
        expect(without).toEqual(totalOf(parts, some))
      }),
    )
  })

  test('changes no total that it gets', () => {
    fc.assert(
      fc.property(someRecords, someRecords, (some, others) => {
        const total = totalOf(parts, some)
        const before = structuredClone(total)
        totalOf(parts, others, total)
        parts.merge(total, totalOf(parts, others))
        for (const { at, bid } of some) parts.subtract?.(total, bid, 'k', contextAt(at))
        parts.result(total)
        expect(total).toEqual(before)
      }),
    )
  })

  test('reads a stored total back as it was, and a view reads its result from the same bytes', () => {
    const serde = totalsOf(parts)
    const bytes = new ByteWriter()
    fc.assert(
      fc.property(someRecords, (records) => {
        const total = totalOf(parts, records)
        bytes.clear()
        serde.encode(total, bytes)
        expect(serde.decode(bytes.buffer, 0, bytes.position)).toEqual(total)
        const shown = resultsOfTotals().decode(bytes.buffer, 0, bytes.position)
        expect(shown).toEqual(parts.result(total))
        expect(shown).toEqual(byHand(records))
      }),
    )
  })
})

test('only count, sum, avg and quantiles can take records out, and several if each of them can', () => {
  const able = examples.filter(({ parts }) => parts.subtract !== undefined).map(({ name }) => name)
  expect(able).toEqual(['count', 'sum', 'sum of tenths', 'avg', 'quantiles'])
  expect(together({ bids: count(), mean: avg((bid) => bid.price) }).subtract).toBeDefined()
})

test('the words of folds name what would misread a total, and nothing else', () => {
  const words = singles.map(({ fold }) => partsOf(fold).word)
  expect(words).toEqual([
    'count',
    'sum',
    'sum',
    'min',
    'max',
    'avg',
    'first',
    'last',
    'collect(5)',
    'distinct',
    'approxDistinct',
    'quantiles(0, 0.5, 1)',
    'topK(3)',
  ])
  expect(together({ bids: count(), best: topK(3, (bid) => bid.price) }).word).toBe('{ best: topK(3), bids: count }')
})
