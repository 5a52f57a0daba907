import type { CommittedStore, StoreRange, StoreShape, TaskState } from '@millrace/core/internal'
import { expect } from 'vitest'

/** An entry of a store of any shape. */
export interface Row {
  readonly key: Buffer
  readonly start: number
  /** Of an interval; of an instant, its sequence. */
  readonly length: number
}

/** The bounds of a range; undefined: none. */
export interface Bounds {
  readonly key: Buffer | undefined
  readonly from: Buffer | undefined
  readonly to: Buffer | undefined
  readonly prefix: Buffer | undefined
  readonly windowFrom: number | undefined
  readonly windowTo: number | undefined
}

/** What a filter of everything leaves of a store's rows, in order. */
export function expected(content: readonly Row[], range: Bounds, shape: StoreShape, by: 'key' | 'time' | 'order') {
  const { key, from, to, prefix, windowFrom, windowTo } = range
  const isTimed = shape.kind !== 'key' && shape.kind !== 'sorted'
  const timeOf = (row: Row) => (by === 'time' && shape.kind === 'interval' ? endOf(row, shape) : row.start)
  const otherOf = (row: Row) => (by === 'time' && shape.kind === 'interval' ? row.start : endOf(row, shape))
  return content
    .filter((row) => key === undefined || row.key.equals(key))
    .filter((row) => from === undefined || row.key.compare(from) >= 0)
    .filter((row) => to === undefined || row.key.compare(to) < 0)
    .filter((row) => prefix === undefined || row.key.subarray(0, prefix.length).equals(prefix))
    .filter((row) => !isTimed || windowFrom === undefined || timeOf(row) >= windowFrom)
    .filter((row) => !isTimed || windowTo === undefined || timeOf(row) < windowTo)
    .sort((a, b) => {
      const byTime = timeOf(a) - timeOf(b) || otherOf(a) - otherOf(b)
      if (by === 'order') return a.start - b.start || a.key.compare(b.key)
      return by === 'time' ? byTime || a.key.compare(b.key) : a.key.compare(b.key) || byTime
    })
    .map((row) => rowText(row, shape))
}

function endOf({ start, length }: Row, shape: StoreShape): number {
  if (shape.kind === 'window') return start + shape.sizeMs
  return shape.kind === 'interval' ? start + length : length
}

/** A row as `allPages` shows its entry. */
export function rowText(row: Row, shape: StoreShape): string {
  const key = row.key.toString('hex')
  return shape.kind === 'key' || shape.kind === 'sorted' ? key : `${key} ${row.start} ${endOf(row, shape)}`
}

/** All entries of a range, page by page. */
export async function allPages(
  committed: CommittedStore<Buffer, number>,
  range: StoreRange<Buffer>,
): Promise<string[]> {
  const got: string[] = []
  const sign = range.reverse === true ? -1 : 1
  let after: Buffer | null = null
  do {
    const page = await committed.range(after === null ? range : { ...range, after })
    expect(page.entries.length).toBeLessThanOrEqual(range.limit)
    expect(page.order.length).toBe(page.entries.length)
    for (const { key, window, instant } of page.entries) {
      const times = window === undefined ? instant && [instant.at, instant.sequence] : [window.start, window.end]
      got.push([key.toString('hex'), ...(times ?? [])].join(' '))
    }
    expect(page.order.map(String)).toEqual([...page.order].sort((a, b) => sign * a.compare(b)).map(String))
    after = page.next
  } while (after !== null)
  return got
}

/** Gives every row's entry a value; undefined deletes. */
export function setRows(
  state: TaskState,
  name: string,
  content: readonly Row[],
  value: number | undefined,
  shape: StoreShape,
): void {
  const setRow = {
    key: () => {
      const store = state.keyValueStore<Buffer, number>(name)
      return ({ key }: Row) => store.set(store.find(key), value)
    },
    sorted: () => {
      const store = state.sortedStore<Buffer, number, number>(name)
      return ({ key, start }: Row) =>
        store.set(store.find(key), value === undefined ? undefined : { value, order: start })
    },
    window: () => {
      const store = state.windowStore<Buffer, number>(name)
      return ({ key, start }: Row) => store.set(store.find(key, start), value)
    },
    interval: () => {
      const store = state.intervalStore<Buffer, number>(name)
      return ({ key, start, length }: Row) => store.set(store.find(key, start, start + length), value)
    },
    instant: () => {
      const store = state.instantStore<Buffer, number>(name)
      return ({ key, start, length }: Row) => store.set(store.find(key, start, length), value)
    },
  }[shape.kind]()
  for (const row of content) setRow(row)
}
