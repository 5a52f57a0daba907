import { PassThrough } from 'node:stream'
import type { ViewDescription } from '@millrace/client'
import pc from 'picocolors'
import { expect, test } from 'vitest'
import { changeText } from './change-text.ts'
import type { FoundEntry } from './found-entry.ts'

function textOf(entry: FoundEntry, value: string, json = false): string {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const { signal } = new AbortController()
  const io = { stdin, stdout, stderr, env: {}, colors: pc.createColors(false), interactive: false }
  const view: ViewDescription = {
    name: 'view',
    key: 'string',
    value,
    shape: 'window',
    windowMs: null,
    partitions: 1,
    parts: [0],
    position: {},
  }
  return changeText({ ...io, stopSignal: () => signal }, view, entry, json)
}

test('a changed entry is a line with its key, its window and its value', () => {
  const window = { start: 60_000, end: 120_000 }
  expect(textOf({ key: 'ATL', value: { flights: 3 } }, 'json')).toBe('ATL {"flights":3}')
  expect(textOf({ key: 'ATL', window, value: [1] }, 'json')).toBe('ATL 1970-01-01T00:01 [1]')
  expect(textOf({ key: 'ATL', value: null }, 'json')).toBe('ATL (deleted)')
})

test('a changed entry of a top N has a line for each rank, and as JSON one line', () => {
  const rows = [
    { rank: 1, key: 'b', value: { price: 9 } },
    { rank: 2, key: '\u001b[2J', value: { price: 7 } },
  ]
  const entry = { key: 'web', value: rows }
  expect(textOf(entry, 'ranking(string,json)').split('\n')).toEqual([
    'web',
    '  1. b {"price":9}',
    '  2. \\u001b[2J {"price":7}',
  ])
  expect(textOf({ key: 'web', value: null }, 'ranking(string,json)')).toBe('web (deleted)')
  expect(JSON.parse(textOf(entry, 'ranking(string,json)', true))).toEqual(entry)
})
