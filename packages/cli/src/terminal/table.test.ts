import { PassThrough } from 'node:stream'
import pc from 'picocolors'
import { expect, test } from 'vitest'
import { printRows, type Row } from './table.ts'

function printed(rows: readonly Row[]): string[] {
  const stdout = new PassThrough({ encoding: 'utf8' })
  const [stdin, stderr] = [new PassThrough(), new PassThrough()]
  const { signal } = new AbortController()
  const io = { stdin, stdout, stderr, env: {}, colors: pc.createColors(false), interactive: false }
  printRows({ ...io, stopSignal: () => signal }, rows, false)
  return String(stdout.read()).trimEnd().split('\n')
}

test('a table has a column for each field of any row, and an empty cell if a row lacks the field', () => {
  expect(
    printed([
      { key: 'a', one: 1 },
      { key: 'b', two: null },
      { key: 'c', one: 20 },
    ]),
  ).toEqual(['key  one  two', 'a      1', 'b         null', 'c     20'])
})

test('numbers are printed as they can be typed in again', () => {
  expect(printed([{ id: 1234567, at: 978336000000, ratio: 0.5 }])).toEqual([
    '     id            at  ratio',
    '1234567  978336000000    0.5',
  ])
})

test('a value that is not text is printed as JSON', () => {
  expect(printed([{ list: [1, 'a'], object: { b: true }, flag: false }])).toEqual([
    'list     object      flag',
    '[1,"a"]  {"b":true}  false',
  ])
})
