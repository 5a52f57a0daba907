import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { errorMessages, namesIn, proseLiterals, testTitles } from './messages.ts'
import { filesUnder, repository, sourceFiles } from './source-files.ts'
import { wordsIn, wordsInComments, wordsInName } from './words.ts'

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

/** The code that users run: no tests, and nothing that only tests need. */
const product = sourceFiles().filter(
  ({ path }) => path.startsWith('packages/') && !/\.test\.ts$|\/(?:testing|conformance)\//.test(path),
)

/** The functions that make errors with a code from a message; the other errors are made with `new`. */
const FACTORIES = new Set(['badInput', 'badUsage'])

/** What a page or a value of a parquet file has wrong: `reasonOf` puts it behind the file, the row and the column. */
const WITHIN_A_MESSAGE = /\/import\/(?:lz4-block|parquet-checksums|parquet-compression|parquet-rows|parquet-value)\.ts$/

/** Errors without a code are reasons within the message of another error, as `it is missing` is. */
const REASONS = new Set(['Error', 'TypeError', 'RangeError', 'InvalidArgumentError'])

test('a message begins with a capital letter, an option or the place in the input, and has no full stop at its end', () => {
  const found = product.flatMap((file) =>
    errorMessages(file, FACTORIES)
      .filter(({ made }) => !REASONS.has(made))
      .filter(({ text }) => !/^(?:[A-Z]|--[a-z]|…)/.test(text) || /[^.]\.$/.test(text))
      .filter(() => !WITHIN_A_MESSAGE.test(file.path))
      .map(({ line, text }) => `${file.path}:${line} ${text}`),
  )
  expect(found).toEqual([])
})

test('messages, help and notices are in plain words', () => {
  const found = product.flatMap((file) =>
    proseLiterals(file).flatMap(({ line, text }) =>
      wordsIn(text).map(({ word, instead }) => `${file.path}:${line} ${word} (instead: ${instead})`),
    ),
  )
  expect(found).toEqual([])
})

test('titles of tests are in plain words', () => {
  const found = sourceFiles().flatMap((file) =>
    testTitles(file).flatMap(({ line, text }) =>
      wordsIn(text).map(({ word, instead }) => `${file.path}:${line} ${word} (instead: ${instead}) in: ${text}`),
    ),
  )
  expect(found).toEqual([])
})

test('names of code and files are in plain words', () => {
  const found = sourceFiles().flatMap((file) =>
    [file.path, ...namesIn(file)].flatMap((name) =>
      wordsInName(name).map((word) => `${file.path}: ${name} has ${word}`),
    ),
  )
  expect(found).toEqual([])
})

test('the check of names finds words in each form of a name', () => {
  const found = ['askPeer', 'ASKED_MAX', 'mend-lockfile.ts', 'task', 'basket', 'isSaid'].flatMap(wordsInName)
  expect(found.map((word) => word.replace(/ .*/, ''))).toEqual(['ask', 'ASKED', 'mend', 'Said'])
  expect(namesIn({ path: 'a.ts', text: 'class A { #told = 1; b(c: Door) { return this.#told } }' })).toEqual([
    'A',
    'told',
    'b',
    'c',
    'Door',
  ])
})

test('the check of messages reads errors, help and titles of tests', () => {
  const text = `throw new RefusedError('BAD_NAME', \`topic \${1} \` + 'is bad.')
throw badInput('A file')
new Option('--all').description('nobody is told')
test.each([1])('whoever %s', () => {})
describe('anew', run)
`
  const file = { path: 'a.ts', text }
  expect(errorMessages(file, new Set(['badInput']))).toEqual([
    { line: 1, made: 'RefusedError', text: 'topic … is bad.' },
    { line: 2, made: 'badInput', text: 'A file' },
  ])
  expect(proseLiterals(file).map((literal) => literal.text)).toContain('nobody is told')
  expect(testTitles(file).map((title) => title.text)).toEqual(['whoever %s', 'anew'])
})

test('the check of words finds them in prose, and not in code or quotations', () => {
  const text =
    'It is told anew.\n\n`whoever`, and "nobody".\n\n```\nmend\n```\n\nThere is no longer a row, and none is owed.\n'
  expect(wordsIn(text).map(({ line, word }) => `${line} ${word}`)).toEqual(['1 anew', '1 is told', '9 owed'])
  const code = "const nobody = 'anew'\n/** First.\n * Whoever. */\n// mended\n"
  expect(wordsInComments({ path: 'a.ts', text: code }).map(({ line }) => line)).toEqual([3, 4])
})
