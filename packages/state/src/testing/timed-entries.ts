import type { InstantEntry, TaskState, WindowEntry } from '@millrace/core/internal'
import { expect } from 'vitest'
import { visit } from './window-entries.ts'

/**
 * The entries of the stores `intervals` and `instants`, each with its store, key and times. They are read in every way that
 * there is, in both directions; all must agree.
 */
export function timedOf(state: TaskState, texts: readonly string[], bytes: readonly Buffer[]): [unknown[], unknown][] {
  const found: [unknown[], unknown][] = []
  const intervals = state.intervalStore<string, unknown>('intervals')
  const byEnd = [...visit(intervals)]
  expect([...visit(intervals, undefined, undefined, true)].map(({ end }) => end)).toEqual(
    byEnd.map(({ end }) => end).reverse(),
  )
  expect(byEnd.map(({ end }) => end)).toEqual(byEnd.map(({ end }) => end).sort((a, b) => a - b))
  for (const { key, start, end, value } of byEnd) found.push([['intervals', key, start, end], value])
  for (const key of texts) {
    const own = byEnd.filter((entry) => entry.key === key).sort((a, b) => a.start - b.start || a.end - b.end)
    for (const [from, to] of [
      [-1e9, 1e12],
      [-9, -8],
      [-5, 3],
      [0, 0],
      [5_000_000_004, 5_000_000_020],
    ] as const) {
      const wanted = own.filter(({ start, end }) => start < to && end > from)
      const places = (entries: Iterable<WindowEntry<string, unknown>>) =>
        Array.from(entries, ({ start, end, value }) => [start, end, value])
      expect(places(intervals.ofKey(key, from, to))).toEqual(places(wanted))
      expect(places(intervals.ofKey(key, from, to, true))).toEqual(places(wanted.reverse()))
    }
  }
  const instants = state.instantStore<Buffer, unknown>('instants')
  const byTime = [...visit(instants)]
  for (const { key, at, sequence, value } of byTime)
    found.push([['instants', key.toString('hex'), at, sequence], value])
  for (const key of bytes) {
    const own = byTime.filter((entry) => entry.key.equals(key)).sort((a, b) => a.at - b.at || a.sequence - b.sequence)
    for (const [from, to] of [
      [-1e9, 1e12],
      [-10, 0],
      [-9, 5_000_000_000],
      [0, 1],
    ] as const) {
      const wanted = own.filter(({ at }) => at >= from && at < to)
      const places = (entries: Iterable<InstantEntry<Buffer, unknown>>) =>
        Array.from(entries, ({ at, sequence, value }) => [at, sequence, value])
      expect(places(instants.ofKey(key, from, to))).toEqual(places(wanted))
      expect(places(instants.ofKey(key, from, to, true))).toEqual(places(wanted.reverse()))
    }
  }
  return found
}
