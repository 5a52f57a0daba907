import { expect, test } from 'vitest'
import { codeBlocks, relativeLinks } from './markdown.ts'

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
