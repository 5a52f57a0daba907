import type { Entry, Sorted, SortedStore } from '@millrace/core/internal'
import { expect } from 'vitest'

/** An entry has the place of its order, and no other; all places are in order, in both directions. */
export function checkRanks(ranks: SortedStore<string, unknown, number>, key: string, order: number | undefined): void {
  const shown = (entry: Entry<string, Sorted<unknown, number>>) => [entry.value?.order ?? 0, entry.key] as const
  const all = Array.from(ranks.inOrder(), shown)
  expect(all.filter(([, each]) => each === key).map(([each]) => each)).toEqual(order === undefined ? [] : [order])
  const sorted = all.toSorted(([a, x], [b, y]) => a - b || Buffer.from(x).compare(Buffer.from(y)))
  expect(all).toEqual(sorted)
  expect(Array.from(ranks.inOrder({ reverse: true }), shown)).toEqual(sorted.toReversed())
  const middle = all.filter(([each]) => each >= 0 && each < 1)
  expect(Array.from(ranks.inOrder({ from: 0, to: 1 }), shown)).toEqual(middle)
  expect(Array.from(ranks.inOrder({ from: 0, to: 1, reverse: true }), shown)).toEqual(middle.toReversed())
}
