import { expect, test } from 'vitest'
import { maximumPosition, minimumPosition, reaches, reflects, unknownPartition } from './position.ts'

test('a merged position is the least of those that list a partition', () => {
  const merged = minimumPosition([{ a: { 0: 5, 1: 9 } }, { a: { 1: 4 }, b: { 0: 1 } }])
  expect(merged).toEqual({ a: { 0: 5, 1: 4 }, b: { 0: 1 } })
})

test('a part that starts at 0 holds the merged position at 0', () => {
  expect(minimumPosition([{ a: { 0: 0 } }, { a: { 0: 7 } }])).toEqual({ a: { 0: 0 } })
})

test('the maximum is the greatest of those that list a partition', () => {
  const most = maximumPosition([{ a: { 0: 5, 1: 9 } }, { a: { 1: 4 }, b: { 0: 1 } }])
  expect(most).toEqual({ a: { 0: 5, 1: 9 }, b: { 0: 1 } })
  expect(maximumPosition([])).toEqual({})
})

test('a position reaches what it has all of, and stands at 0 where it lists nothing', () => {
  expect(reaches({ a: { 0: 5 } }, { a: { 0: 5 } })).toBe(true)
  expect(reaches({ a: { 0: 5 } }, { a: { 0: 6 } })).toBe(false)
  expect(reaches({ a: { 0: 5 } }, { a: { 1: 1 } })).toBe(false)
  expect(reaches({ a: { 0: 5 } }, { a: { 1: 0 }, b: { 0: 0 } })).toBe(true)
})

test('a part reflects what it has reached, and what it does not depend on', () => {
  expect(reflects({ a: { 0: 5 } }, { a: { 0: 5 } })).toBe(true)
  expect(reflects({ a: { 0: 5 } }, { a: { 0: 6 } })).toBe(false)
  expect(reflects({ a: { 0: 5 } }, { a: { 1: 6 }, b: { 0: 1 } })).toBe(true)
})

test('a partition that no part lists is found', () => {
  const positions = [{ a: { 0: 5 } }, { a: { 1: 0 } }]
  expect(unknownPartition({ a: { 0: 1, 1: 1 } }, positions)).toBeUndefined()
  expect(unknownPartition({ a: { 2: 1 } }, positions)).toBe('a/2')
  expect(unknownPartition({ b: { 0: 1 } }, positions)).toBe('b/0')
})
