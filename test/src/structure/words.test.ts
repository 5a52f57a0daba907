import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { filesUnder, repository } from './source-files.ts'
import { wordsIn } from './words.ts'

const documents = [
  { path: 'README.md', text: readFileSync(new URL('README.md', repository), 'utf8') },
  ...filesUnder(['docs'], '.md'),
]

test.each(documents)('$path is in plain words', ({ text }) => {
  expect(wordsIn(text)).toEqual([])
})

test('the check of words finds them in prose, and not in code or quotations', () => {
  const text =
    'It is told anew.\n\n`whoever`, and "nobody".\n\n```\nmend\n```\n\nThere is no longer a row, and none is owed.\n'
  expect(wordsIn(text).map(({ line, word }) => `${line} ${word}`)).toEqual(['1 anew', '1 is told', '9 owed'])
})
