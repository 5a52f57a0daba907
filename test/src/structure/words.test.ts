import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { filesUnder, repository, sourceFiles } from './source-files.ts'
import { wordsIn, wordsInComments } from './words.ts'

const documents = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md'].map((path) => ({
    path,
    text: readFileSync(new URL(path, repository), 'utf8'),
  })),
  ...filesUnder(['docs'], '.md'),
]

test.each(documents)('$path is in plain words', ({ text }) => {
  expect(wordsIn(text)).toEqual([])
})

test('comments are in plain words', () => {
  const found = sourceFiles().flatMap((file) =>
    wordsInComments(file).map(({ line, word, instead }) => `${file.path}:${line} ${word} (instead: ${instead})`),
  )
  expect(found).toEqual([])
})

test('the check of words finds them in prose, and not in code or quotations', () => {
  const text =
    'It is told anew.\n\n`whoever`, and "nobody".\n\n```\nmend\n```\n\nThere is no longer a row, and none is owed.\n'
  expect(wordsIn(text).map(({ line, word }) => `${line} ${word}`)).toEqual(['1 anew', '1 is told', '9 owed'])
  const code = "const nobody = 'anew'\n/** First.\n * Whoever. */\n// mended\n"
  expect(wordsInComments({ path: 'a.ts', text: code }).map(({ line }) => line)).toEqual([3, 4])
})
