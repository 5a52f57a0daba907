import { int32, json, string } from '@millrace/core'
import type { StoredEntry } from '@millrace/core/internal'
import {
  asyncProperty,
  boolean,
  assert as check,
  constantFrom,
  integer,
  nat,
  option,
  tuple,
  uniqueArray,
} from 'fast-check'
import { expect, test } from 'vitest'
import { findEntry, findPage } from './read-view.ts'
import { ANY_EFFORT } from './testing/any-effort.ts'
import { MemoryView } from './testing/memory-view.ts'

const PARTS = 3
const positions = Array.from({ length: PARTS }, (_, partition) => ({ input: { [partition]: 0 } }))

/** Rows as (key, window, part): a key may be in several parts, if producers chose partitions differently. */
const rows = uniqueArray(
  tuple(constantFrom('', 'a', 'ab', 'b', 'é', '𝄞', 'z'), integer({ min: -2, max: 3 }), nat(PARTS - 1)),
  {
    selector: (row) => row.join('/'),
    maxLength: 40,
    size: 'max',
  },
)

function windowed(): MemoryView {
  return new MemoryView({ name: 'delays', key: string(), value: json(), windowMs: 10, positions })
}

function fill(view: MemoryView, all: readonly (readonly [string, number, number])[]): string[] {
  for (const [key, window, part] of all) {
    const bounds = { start: window * 10, end: window * 10 + 10 }
    view.commit(part, view.parts[part]?.position ?? {}, [{ key, window: bounds, value: 1 }])
  }
  const inOrder = all.toSorted((a, b) => Buffer.from(a[0]).compare(Buffer.from(b[0])) || a[1] - b[1])
  return inOrder.map(([key, window]) => `${key}/${window * 10}`)
}

async function readAll(view: MemoryView, range: object, limit: number): Promise<string[][]> {
  const pages: string[][] = []
  let after: Buffer | undefined
  do {
    const { value } = await findPage(view, { ...range, limit, ...(after && { after }) }, ANY_EFFORT)
    const entries = value.entries.map((text): StoredEntry<string, unknown> => JSON.parse(text))
    pages.push(entries.map((entry) => `${entry.key}/${entry.window?.start}`))
    after = value.next ?? undefined
  } while (after !== undefined)
  return pages
}

test('all pages together are the range, in order, nothing twice, whatever the page size', async () => {
  await check(
    asyncProperty(rows, integer({ min: 1, max: 7 }), boolean(), async (all, limit, reverse) => {
      const view = windowed()
      const ascending = fill(view, all)
      const pages = await readAll(view, { reverse }, limit)
      expect(pages.flat()).toEqual(reverse ? ascending.toReversed() : ascending)
      // One key in several parts may lengthen a page by the other parts' entries.
      for (const page of pages) expect(page.length).toBeLessThanOrEqual(limit + PARTS - 1)
      for (const page of pages.slice(0, -1)) expect(page.length).toBeGreaterThan(0)
    }),
  )
})

test('bounds of keys and windows hold on every page', async () => {
  const key = option(constantFrom('', 'a', 'ab', 'b', 'é'), { nil: undefined })
  const window = option(integer({ min: -20, max: 30 }), { nil: undefined })
  await check(
    asyncProperty(rows, key, key, window, window, async (all, from, to, windowFrom, windowTo) => {
      const view = windowed()
      fill(view, all)
      const bytes = (text: string) => Buffer.from(text)
      const inRange = all.filter(
        ([k, w]) =>
          (from === undefined || bytes(k).compare(bytes(from)) >= 0) &&
          (to === undefined || bytes(k).compare(bytes(to)) < 0) &&
          w * 10 >= (windowFrom ?? -Infinity) &&
          w * 10 < (windowTo ?? Infinity),
      )
      const range = Object.fromEntries(
        Object.entries({ from, to, windowFrom, windowTo }).filter(([, bound]) => bound !== undefined),
      )
      const pages = await readAll(view, range, 2)
      expect(pages.flat()).toEqual(fill(windowed(), inRange))
    }),
  )
})

test('a part that holds far more than its share loses none of it', async () => {
  const view = new MemoryView({ name: 'counts', key: int32(), value: json(), positions })
  // Every 20th key is in another part: what follows the home part's page must not be taken from there first.
  const keys = Array.from({ length: 400 }, (_, key) => key)
  for (const key of keys) view.commit(key % 20 === 0 ? 1 : 0, {}, [{ key, value: key }])
  const found: number[] = []
  let after: Buffer | undefined
  do {
    const { value } = await findPage(view, { limit: 100, ...(after && { after }) }, ANY_EFFORT)
    found.push(...value.entries.map((text) => JSON.parse(text).key))
    after = value.next ?? undefined
  } while (after !== undefined)
  expect(found).toEqual(keys)
})

test('a page reads little more than it returns, not a full page from each part', async () => {
  const parts = 50
  const view = new MemoryView({
    name: 'counts',
    key: int32(),
    value: json(),
    positions: Array.from({ length: parts }, () => ({})),
  })
  for (let key = 0; key < 2000; key++) view.commit(key % parts, {}, [{ key, value: key }])
  const { value } = await findPage(view, { limit: 500 }, ANY_EFFORT)
  expect(value.entries).toHaveLength(500)
  expect(view.parts.reduce((read, part) => read + part.store.read, 0)).toBeLessThan(2 * 500 + 10 * parts)
})

test('a page ends early once it is large', async () => {
  const view = new MemoryView({ name: 'texts', key: int32(), value: json(), positions: [{}] })
  for (let key = 0; key < 10; key++) view.commit(0, {}, [{ key, value: 'x'.repeat(1_000_000) }])
  const { value } = await findPage(view, { limit: 10 }, ANY_EFFORT)
  expect(value.entries).toHaveLength(5)
  expect(value.next).not.toBeNull()
})

test('a key is found in whichever part it stands', async () => {
  for (let part = 0; part < PARTS; part++) {
    const view = new MemoryView({ name: 'counts', key: string(), value: json(), positions })
    view.commit(part, { input: { [part]: 5 } }, [{ key: 'ATL', value: 7 }])
    expect(await findEntry(view, 'ATL', undefined)).toEqual({
      value: { key: 'ATL', value: 7 },
      position: { input: { [part]: 5 } },
    })
  }
})

test('the answer for a key that is nowhere reflects what every part has reached', async () => {
  const view = new MemoryView({ name: 'counts', key: string(), value: json(), positions })
  view.commit(1, { input: { 1: 8 } }, [])
  expect(await findEntry(view, 'ATL', undefined)).toEqual({
    value: undefined,
    position: { input: { 0: 0, 1: 8, 2: 0 } },
  })
})

test('an answer never states that it reflects a commit which came after the read', async () => {
  const view = new MemoryView({ name: 'counts', key: string(), value: json(), positions: [{ input: { 0: 1 } }] })
  view.commit(0, { input: { 0: 1 } }, [{ key: 'ATL', value: 1 }])
  const value = findEntry(view, 'ATL', undefined)
  const page = findPage(view, { limit: 10 }, ANY_EFFORT)
  view.commit(0, { input: { 0: 2 } }, [{ key: 'ATL', value: 2 }])
  expect((await value).position).toEqual({ input: { 0: 1 } })
  expect((await page).position).toEqual({ input: { 0: 1 } })
})
