import { expect, test } from 'vitest'
import { SeededRandom } from './seeded-random.ts'

test('the same seed gives the same numbers, another seed others', () => {
  const draw = (seed: number) =>
    Array.from(
      { length: 5 },
      (
        (random) => () =>
          random.next()
      )(new SeededRandom(seed)),
    )
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
  expect(draw(1)).not.toEqual(draw(1 + 2 ** 32))
})

test('numbers spread evenly over [0, 1)', () => {
  const random = new SeededRandom(1)
  const counts = new Array<number>(10).fill(0)
  for (let draw = 0; draw < 100_000; draw++) {
    const tenth = Math.floor(random.next() * 10)
    counts[tenth] = (counts[tenth] ?? 0) + 1
  }
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500)
})

test('a uuid is one of version 4', () => {
  const random = new SeededRandom(3)
  const uuids = Array.from({ length: 100 }, () => random.uuid())
  for (const uuid of uuids) expect(uuid).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
  expect(new Set(uuids).size).toBe(100)
})

test('a fork depends on the seed and its name, not on what was drawn before', () => {
  const one = new SeededRandom(5)
  const other = new SeededRandom(5)
  one.next()
  expect(one.fork('disk').next()).toBe(other.fork('disk').next())
  expect(one.fork('disk').next()).not.toBe(one.fork('clock').next())
  expect(one.fork('disk').next()).not.toBe(new SeededRandom(6).fork('disk').next())
})
