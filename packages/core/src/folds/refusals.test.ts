import { describe, expect, test } from 'vitest'
import type { RecordContext } from '../plan/callback.ts'
import { approxDistinct } from './approx-distinct.ts'
import { avg } from './avg.ts'
import { collect } from './collect.ts'
import { count } from './count.ts'
import { distinct } from './distinct.ts'
import { first, last } from './first-last.ts'
import { type Fold, partsOf } from './fold.ts'
import { FoldRefusal } from './fold-refusal.ts'
import { max, min } from './min-max.ts'
import { quantiles } from './quantiles.ts'
import { several } from './several.ts'
import { sum } from './sum.ts'
import { topK } from './top-k.ts'

/** What a callback returns although its type does not allow it. */
const wrong = (value: unknown) => () => value as never

const CONTEXT = { timestamp: 0 } as RecordContext

function added(fold: Fold<string, unknown, unknown>, ...values: readonly unknown[]): unknown {
  const { init, add } = partsOf(fold)
  return values.reduce((total, value) => add(total, value, 'k', CONTEXT), init())
}

function refusal(fold: Fold<string, unknown, unknown>, ...values: readonly unknown[]): unknown {
  try {
    added(fold, ...values)
  } catch (error) {
    if (error instanceof FoldRefusal) return [error.code, error.message]
    throw error
  }
  return undefined
}

const value = (each: unknown) => each as never

/** Makes a fold with a callback. */
type Make = (fn: () => never) => Fold<string, unknown, unknown>

describe.each<[string, Make]>([
  ['sum', (fn) => sum(fn)],
  ['avg', (fn) => avg(fn)],
  ['quantiles', (fn) => quantiles([0.5], fn)],
])('%s', (word, fold) => {
  test.each([
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [undefined, 'undefined'],
    [null, 'null'],
    ['5', 'a value of type string'],
    [5n, 'a BigInt'],
    [new Date(0), 'an instance of Date'],
  ])('refuses %s', (returned, what) => {
    expect(refusal(fold(wrong(returned)), 1)).toEqual(['CALLBACK_FAILED', `${word} needs a finite number, not ${what}`])
  })
})

describe.each<[string, Make]>([
  ['min', (fn) => min(fn)],
  ['max', (fn) => max(fn)],
  ['topK', (fn) => topK(2, fn)],
  ['distinct', (fn) => distinct(fn)],
  ['approxDistinct', (fn) => approxDistinct(fn)],
])('%s', (word, fold) => {
  test.each([
    [Number.NaN, 'NaN'],
    [Number.NEGATIVE_INFINITY, '-Infinity'],
    [undefined, 'undefined'],
    [null, 'null'],
    [5n, 'a BigInt'],
    [new Date(0), 'an instance of Date'],
  ])('refuses %s', (returned, what) => {
    const message = `${word} needs a finite number or a string, not ${what}`
    expect(refusal(fold(wrong(returned)), 1)).toEqual(['CALLBACK_FAILED', message])
  })
})

test.each([
  ['min', min(value)],
  ['max', max(value)],
  ['topK', topK(2, value)],
])('%s refuses to compare a number with a string', (word, fold) => {
  const message = `${word} cannot compare a number with a string: `
  expect(refusal(fold, 5, '4')).toEqual(['CALLBACK_FAILED', expect.stringContaining(message)])
})

test('distinct counts a number and the string of its digits as two values, and so does approxDistinct', () => {
  const values = [5, '5', 5, '5', -0, 0]
  expect(partsOf(distinct(value)).result(added(distinct(value), ...values))).toBe(3)
  expect(partsOf(approxDistinct(value)).result(added(approxDistinct(value), ...values))).toBe(3)
})

describe.each<[string, Make]>([
  ['first', (fn) => first(fn)],
  ['last', (fn) => last(fn)],
  ['collect', (fn) => collect({ max: 2, of: fn })],
])('%s', (word, fold) => {
  test.each([
    ['nothing', () => undefined, 'undefined'],
    ['null', () => null, 'null'],
    // It rejects later: that is not a second error.
    ['a promise', () => Promise.reject(new Error('too late')), 'a promise'],
  ])('refuses %s', (_, returned, what) => {
    expect(refusal(fold(wrong(returned())), 1)).toEqual(['CALLBACK_FAILED', `${word} needs a value, not ${what}`])
  })

  test('refuses what JSON cannot carry, with its place', () => {
    const message = `${word} cannot keep the value: value.when is an instance of Date, which JSON would read as something else`
    expect(refusal(fold(wrong({ when: new Date(0) })), 1)).toEqual(['RECORD_UNENCODABLE', message])
  })

  test('keeps a value as it is read back', () => {
    const total = added(fold(wrong({ a: -0, b: undefined })), 1)
    expect(JSON.stringify(total)).toContain('{"a":0}')
    expect(JSON.parse(JSON.stringify(total))).toEqual(total)
  })
})

test('the sum of whole numbers is refused beyond 2^53 - 1, in both directions, and in a merge', () => {
  const fold: Fold<string, unknown, number> = sum(value)
  const refused = ['TOTAL_TOO_LARGE', expect.stringContaining('sum of whole numbers would be 9007199254740992')]
  expect(added(fold, Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER)
  expect(refusal(fold, Number.MAX_SAFE_INTEGER, 1)).toEqual(refused)
  expect(refusal(fold, Number.MIN_SAFE_INTEGER, -1)).toEqual([
    'TOTAL_TOO_LARGE',
    expect.stringContaining('would be -9007199254740992, beyond'),
  ])
  expect(() => partsOf(fold).merge(Number.MAX_SAFE_INTEGER, 2)).toThrow(/beyond 2\^53 - 1/)
  expect(() => partsOf(fold).subtract?.(Number.MAX_SAFE_INTEGER, -1, 'k', CONTEXT)).toThrow(/beyond/)
  // Numbers with a fraction are rounded, as their sum is.
  expect(partsOf(fold).result(added(fold, Number.MAX_SAFE_INTEGER, 0.5, 1))).toBe(2 ** 53)
  expect(partsOf(avg(value)).result(added(avg(value), Number.MAX_SAFE_INTEGER, 1))).toBe(2 ** 52)
})

test('distinct refuses one value more than its bound, and takes those that it has', () => {
  const fold = distinct(value, { max: 2 })
  expect(added(fold, 'a', 'b', 'a')).toEqual(['a', 'b'])
  expect(refusal(fold, 'a', 'b', 'c')).toEqual([
    'TOTAL_TOO_LARGE',
    'distinct has its 2 different values, and this would be another. Raise max, or use approxDistinct',
  ])
  expect(() => partsOf(fold).merge(['a', 'b'], ['a', 'c'])).toThrow(/distinct has its 2/)
  const many = Array.from({ length: 10_000 }, (_, at) => at)
  expect(added(distinct(value), ...many)).toHaveLength(10_000)
  expect(refusal(distinct(value), ...many, -1)).toEqual(['TOTAL_TOO_LARGE', expect.stringContaining('its 10000 ')])
})

test('a refusal of one of several folds names it', () => {
  const { init, add, merge } = several<string, number, { bids: number; total: number }>({ bids: count(), total: sum() })
  expect(() => add(init(), Number.NaN, 'k', CONTEXT)).toThrow('total: sum needs a finite number, not NaN')
  const large = add(init(), Number.MAX_SAFE_INTEGER, 'k', CONTEXT)
  expect(() => merge(large, large)).toThrow(/^total: sum of whole numbers/)
})

test('an error of the callback itself passes as it is', () => {
  const thrown = new Error('of the callback')
  const fails = () => {
    throw thrown
  }
  expect(() => added(sum(fails), 1)).toThrow(thrown)
  const { init, add } = several({ total: sum(fails) })
  expect(() => add(init(), 1, 'k', CONTEXT)).toThrow(thrown)
})
