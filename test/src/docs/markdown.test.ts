import { expect, test } from 'vitest'
import { anchorsOf, codeBlocks, namedTests, relativeLinks, tableRows } from './markdown.ts'

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

test('relative links are found with their anchors; addresses and code are not', () => {
  expect(relativeLinks(markdown)).toEqual([{ path: 'b.md', anchor: 'part' }])
  expect(relativeLinks('[a](mailto:a@b.c) [b](#b) `[c](c.md)` [`d`](../d.md)')).toEqual([
    { path: '', anchor: 'b' },
    { path: '../d.md', anchor: '' },
  ])
})

test('the anchors of headings are their words in small letters, without punctuation and links', () => {
  const text = "# `every`\n## What it emits, and when\n### A [link](b.md)'s end\n```sh\n# a comment\n```\n"
  expect([...anchorsOf(text)]).toEqual(['every', 'what-it-emits-and-when', 'a-links-end'])
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
