import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { estimate, type HashSet, union, withHash } from './hyper-log-log.ts'

const EMPTY: HashSet = []
const setOf = (hashes: readonly number[]) => hashes.reduce(withHash, EMPTY)

/** Hashes that a seed determines (SplitMix32, twice). */
function hashesFrom(seed: number, count: number): number[] {
  let state = seed | 0
  const next = () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
  return Array.from({ length: count }, () => next() * 2 ** 20 + (next() >>> 12))
}

const someHashes = fc
  .tuple(fc.integer(), fc.integer({ min: 0, max: 400 }))
  .map(([seed, count]) => hashesFrom(seed, count))

describe('a set of hashes', () => {
  test('is the same in every order, with repeats, and from all parts', () => {
    fc.assert(
      fc.property(someHashes, fc.nat(), (hashes, cut) => {
        const at = cut % (hashes.length + 1)
        const [left, right] = [hashes.slice(0, at), hashes.slice(at)]
        const all = setOf(hashes)
        expect(setOf([...right, ...left, ...right])).toEqual(all)
        expect(union(setOf(left), setOf(right))).toEqual(all)
        expect(union(setOf(right), setOf(left))).toEqual(all)
      }),
      { numRuns: 50 },
    )
  })

  test('counts few hashes exactly, and takes at most 4 KB of JSON', () => {
    const hashes = hashesFrom(1, 100_000)
    expect(estimate(EMPTY)).toBe(0)
    expect(estimate(setOf(hashes.slice(0, 128)))).toBe(128)
    const registers = setOf(hashes)
    expect(JSON.stringify(registers)).toHaveLength(4098)
    expect(JSON.stringify(setOf(hashes.slice(0, 129)))).toHaveLength(4098)
  })

  test.each([200, 1000, 5000, 10_000, 50_000, 200_000])('of %i is counted within 5 %', (count) => {
    const errors = [1, 2, 3, 4].map((seed) => estimate(setOf(hashesFrom(seed, count))) / count - 1)
    for (const error of errors) expect(Math.abs(error)).toBeLessThan(0.05)
    // No error that all of them share: the mean of four has half the standard error.
    expect(Math.abs(errors.reduce((sum, error) => sum + error, 0) / 4)).toBeLessThan(0.025)
  })

  test('finds the first bit of a hash in both of its halves, and in none', () => {
    const register = (rest: number) => union('#'.repeat(4096), [5 * 2 ** 40 + rest])
    const ranks = [2 ** 39, 2 ** 20, 2 ** 19, 1, 0].map((rest) => String(register(rest)).charCodeAt(5) - 0x23)
    expect(ranks).toEqual([1, 20, 21, 40, 41])
  })
})
