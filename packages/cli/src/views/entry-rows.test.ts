import { expect, test } from 'vitest'
import { entryRows as rowsOf } from './entry-rows.ts'
import type { FoundEntry } from './found-entry.ts'

const entryRows = (entries: readonly FoundEntry[]) => rowsOf(entries, { shape: 'window', value: 'json' })

test('the fields of objects are columns, also those that the first entry does not have', () => {
  const rows = entryRows([
    { key: 'ATL', value: { flights: 3 } },
    { key: 'BOS', value: { flights: 1, minutes: 978336000000 } },
  ])
  expect(rows).toEqual([
    { key: 'ATL', flights: 3 },
    { key: 'BOS', flights: 1, minutes: 978336000000 },
  ])
})

test('a field never takes the place of the key or the window of its entry', () => {
  const window = { start: 0, end: 60_000 }
  const value = { key: 'other', window: 5, 'value.key': 'a third', 'value.value.key': null }
  expect(entryRows([{ key: 'ATL', window, value }])).toEqual([
    {
      key: 'ATL',
      window: '1970-01-01T00:00',
      'value.value.value.key': 'other',
      'value.window': 5,
      'value.key': 'a third',
      'value.value.key': null,
    },
  ])
  // If the view has no windows, no column of the entry has this name.
  expect(entryRows([{ key: 'ATL', value: { window: 5 } }])).toEqual([{ key: 'ATL', window: 5 }])
})

test.each([[[1, 2]], [7], ['text'], [null], [{}]])('with %j among the values, the values are one column', (value) => {
  expect(
    entryRows([
      { key: 'ATL', value: { flights: 3 } },
      { key: 'BOS', value },
    ]),
  ).toEqual([
    { key: 'ATL', value: { flights: 3 } },
    { key: 'BOS', value },
  ])
})

test('a window is shown with its end if the windows have different lengths', () => {
  const entry = { key: 'ATL', window: { start: 0, end: 90_500 }, value: 1 }
  expect(rowsOf([entry], { shape: 'interval', value: 'json' })).toMatchObject([
    { window: '1970-01-01T00:00/1970-01-01T00:01:30.500' },
  ])
  expect(rowsOf([entry], { shape: 'window', value: 'json' })).toMatchObject([{ window: '1970-01-01T00:00' }])
})

test('an entry of a top N has a row for each rank, with the key and the fields of the row that has it', () => {
  const view = { shape: 'key', value: 'ranking(string,json)' }
  const here = [
    { rank: 1, key: 'a', value: { price: 9, rank: 5 } },
    { rank: 2, key: 'b', value: { price: 7 } },
  ]
  const entries = [
    { key: 'here', value: here },
    { key: 'there', value: [{ rank: 1, key: 'c', value: { price: 8 } }] },
  ]
  expect(rowsOf(entries, view)).toEqual([
    { key: 'here', rank: 1, row: 'a', price: 9, 'value.rank': 5 },
    { key: 'here', rank: 2, row: 'b', price: 7 },
    { key: 'there', rank: 1, row: 'c', price: 8 },
  ])
  expect(rowsOf([{ key: 'all', value: [{ rank: 1, key: ['x'], value: 3 }] }], view)).toEqual([
    { key: 'all', rank: 1, row: ['x'], value: 3 },
  ])
  // The same value in another view is shown as it is.
  expect(rowsOf([{ key: 'here', value: here }], { shape: 'key', value: 'json' })).toEqual([
    { key: 'here', value: here },
  ])
})
