import { expect, test } from 'vitest'
import { packedProblems } from './packed-files.ts'

const EXPORTS = {
  './file': { 'millrace-source': './src/file.ts', types: './dist/file.d.ts', default: './dist/file.js' },
  './memory': { 'millrace-source': './src/memory.ts', types: './dist/memory.d.ts', default: './dist/memory.js' },
}
const WHOLE = [
  ...['LICENSE', 'README.md', 'package.json'],
  ...['src/file.ts', 'dist/file.d.ts', 'dist/file.js'],
  ...['src/memory.ts', 'dist/memory.d.ts', 'dist/memory.js'],
]

test('the check of a package accepts one with its licence, what it built and the source behind it', () => {
  expect(packedProblems([...WHOLE, 'bin/millrace.js', 'src/window.ts'], EXPORTS)).toEqual([])
})

test('the check of a package reports a missing licence, missing types of an entry point, and tests', () => {
  const lacking = WHOLE.filter((path) => path !== 'LICENSE' && path !== 'dist/memory.d.ts')
  expect(packedProblems([...lacking, 'dist/window.test.js', 'src/views/testing/view.ts'], EXPORTS)).toEqual([
    'LICENSE is missing',
    'dist/memory.d.ts is missing',
    'dist/window.test.js is not for users',
    'src/views/testing/view.ts is not for users',
  ])
})
