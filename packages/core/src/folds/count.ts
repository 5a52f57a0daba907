import { type SubtractableFold, subtractable } from './fold.ts'

const COUNT = subtractable<unknown, unknown, number, number>(
  {
    word: 'count',
    init: () => 0,
    add: (total) => total + 1,
    merge: (a, b) => a + b,
    result: (total) => total,
  },
  (total) => total - 1,
)

/**
 * How many records there are.
 *
 * ```ts
 * grouped.aggregate('bids', { bids: count(), highest: max((bid) => bid.price) })
 * ```
 */
export function count(): SubtractableFold<unknown, unknown, number> {
  return COUNT
}
