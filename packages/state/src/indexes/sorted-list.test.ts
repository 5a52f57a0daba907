import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SortedList } from './sorted-list.ts'

test('a sorted list finds what a sorted array finds, however many items come and go', () => {
  const change = fc.record({ add: fc.boolean(), item: fc.nat(60) })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), fc.integer({ min: 1, max: 60 }), (changes, spread) => {
      const list = new SortedList<number>((a, b) => a - b)
      const model = new Set<number>()
      for (const { add, item } of changes) {
        // Each change is one of many neighbouring items, so that chunks are cut and emptied.
        for (let at = 0; at < 40 * spread; at++) {
          const each = item * 17 + at * 31
          if (add) {
            expect(list.add(each)).toBe(!model.has(each))
            model.add(each)
          } else {
            list.remove(each)
            model.delete(each)
          }
        }
        const sorted = [...model].sort((a, b) => a - b)
        expect(list.first).toBe(sorted[0])
        for (const probe of [-1, item, item * 17 + 500, 1e6]) {
          expect(list.atOrAfter(probe)).toBe(sorted.find((each) => each >= probe))
          expect(list.after(probe)).toBe(sorted.find((each) => each > probe))
          expect(list.before(probe)).toBe(sorted.findLast((each) => each < probe))
        }
      }
    }),
    { numRuns: 20 },
  )
})
