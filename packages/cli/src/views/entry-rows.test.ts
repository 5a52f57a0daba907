import { expect, test } from 'vitest'
import { entryRows as rowsOf } from './entry-rows.ts'
import type { FoundEntry } from './found-entry.ts'

const entryRows = (entries: readonly FoundEntry[]) => rowsOf(entries, { shape: 'window' })

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
  expect(rowsOf([entry], { shape: 'interval' })).toMatchObject([{ window: '1970-01-01T00:00/1970-01-01T00:01:30.500' }])
  expect(rowsOf([entry], { shape: 'window' })).toMatchObject([{ window: '1970-01-01T00:00' }])
})
