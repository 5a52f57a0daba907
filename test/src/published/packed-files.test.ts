import { expect, test } from 'vitest'
import { packedProblems } from './packed-files.ts'

const whole = ['LICENSE', 'README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts', 'src/index.ts']

test('a package with its licence, what it built and the source behind it is right', () => {
  expect(packedProblems([...whole, 'bin/millrace.js', 'src/window.ts'])).toEqual([])
})

test('a package that lacks its licence or its types, or carries tests, is not', () => {
  const lacking = whole.filter((path) => path !== 'LICENSE' && path !== 'dist/index.d.ts')
  expect(packedProblems([...lacking, 'dist/window.test.js', 'src/views/testing/view.ts'])).toEqual([
    'LICENSE is missing',
    'dist/index.d.ts is missing',
    'dist/window.test.js is not for users',
    'src/views/testing/view.ts is not for users',
  ])
})
