import { expect, test } from 'vitest'
import { codeBlocks, namedTests, relativeLinks, tableRows } from './markdown.ts'

const markdown = [
  '# Title',
  '',
  '```ts no-run',
  'const a = 1',
  '```',
  '',
  '```',
  'plain',
  '```',
  'See [b](b.md#part).',
].join('\n')

test('code blocks are found with their language, marks and line', () => {
  expect(codeBlocks(markdown)).toEqual([
    { language: 'ts', marks: ['no-run'], code: 'const a = 1\n', line: 4 },
    { language: '', marks: [], code: 'plain\n', line: 8 },
  ])
})

test('relative links are found; addresses, anchors and code are not', () => {
  expect(relativeLinks(markdown)).toEqual(['b.md'])
  expect(relativeLinks('[a](mailto:a@b.c) [b](#b) `[c](c.md)` [d](../d.md)')).toEqual(['../d.md'])
})

test('the rows of a table are found under their heading, and the tests that a cell names', () => {
  const table =
    '# T\n## A\n| x |\n| - |\n## B\ntext\n\n| x | y |\n| - | - |\n| 1 | `a.ts` "one", "two"; `b.ts` "three" |\n'
  expect(tableRows(table, 'B')).toEqual([['1', '`a.ts` "one", "two"; `b.ts` "three"']])
  expect(namedTests('`a.ts` "one", "two"; `b.ts` "three"')).toEqual([
    { path: 'a.ts', name: 'one' },
    { path: 'a.ts', name: 'two' },
    { path: 'b.ts', name: 'three' },
  ])
})
