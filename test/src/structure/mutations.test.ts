import { ERROR_CODES } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { LIMITS } from '../mutations/limits.ts'
import { isMutated, limitMutations, limitSites, refusalSites } from '../mutations/mutation-sites.ts'
import { REFUSALS } from '../mutations/refusals.ts'
import { UNPROVEN } from '../mutations/unproven-limits.ts'
import { sourceFiles } from './source-files.ts'

const files = sourceFiles()
const mutable = files.filter(isMutated)
const tests = files.filter(
  ({ path }) =>
    (path.endsWith('.test.ts') && !path.startsWith('test/src/structure/')) || path.includes('/conformance/'),
)
const namesOf = (names: Iterable<string>) => [...new Set(names)].sort()

test('every named limit has the tests that reach it, or the reason why none does', () => {
  const listed = [...Object.keys(LIMITS), ...UNPROVEN.keys()]
  expect(namesOf(listed)).toEqual(namesOf(mutable.flatMap(limitSites).map(({ name }) => name)))
  expect(listed.filter((name, index) => listed.indexOf(name) !== index)).toEqual([])
})

test('every refusal has the tests that reach it', () => {
  expect(Object.keys(REFUSALS).sort()).toEqual(namesOf(mutable.flatMap(refusalSites).map(({ name }) => name)))
})

test('the tests that are named are there, and what is to be replaced stands where it should', () => {
  const paths = new Set(files.map(({ path }) => path))
  const named = [
    ...Object.values(LIMITS)
      .flat()
      .map((limit) => limit.tests),
    ...Object.values(REFUSALS),
  ].flat()
  expect(namesOf(named.filter((path) => !paths.has(path.replace(/#.*$/, ''))))).toEqual([])
  const unmatched = named.flat().filter((test) => {
    const [path = '', titles = ''] = test.split('#')
    return !new RegExp(titles).test(files.find((file) => file.path === path)?.text ?? '')
  })
  expect(unmatched).toEqual([])
  for (const site of mutable.flatMap(limitSites)) {
    const limit = LIMITS[site.name]
    if (limit !== undefined) expect(limitMutations(site, limit, mutable).length).toBeGreaterThan(0)
  }
})

test.each(Object.keys(ERROR_CODES))('%s is expected by a test, by its name', (code) => {
  const expecting = tests.filter(({ text }) => new RegExp(`\\b${code}\\b`).test(text))
  expect(expecting.length).toBeGreaterThan(0)
})

describe('the search for limits and refusals', () => {
  const file = (text: string) => ({ path: 'packages/state/src/a.ts', text })

  test.each([
    ['const QUEUE_MAX = 5', ['state/QUEUE_MAX: 5']],
    ['export const WAIT_MS: number = 2 * 1000 // two seconds', ['state/WAIT_MS: 2 * 1000']],
    ['  const INNER_MAX = 5', []],
    ['const LENGTH_AT = 8\nconst MAGIC = 2\nconst DEFAULT_OPTIONS = {', []],
  ])('finds limits in %j', (text, found) => {
    expect(limitSites(file(text)).map(({ name, start, end }) => `${name}: ${text.slice(start, end)}`)).toEqual(found)
  })

  test.each([
    ["throw new RefusedError('BAD_NAME', 'a')", ['state/BAD_NAME']],
    ["  return new FatalError(\n    'LOG_FULL',", ['state/LOG_FULL']],
    ["return { code: 'QUERY_FAILED', message }", ['state/QUERY_FAILED']],
    ["if (error.code === 'LOG_FULL') log('NO_CODE_OF_OURS')", []],
  ])('finds refusals in %j', (text, found) => {
    const sites = refusalSites(file(text))
    expect(sites.map(({ name }) => name)).toEqual(found)
    for (const { start, end } of sites) expect(text.slice(start, end)).toMatch(/^'[A-Z_]+'$/)
  })

  test('looks where code is published, and not into tests', () => {
    const paths = [
      'packages/state/src/a.ts',
      'packages/state/src/a.test.ts',
      'packages/testing/src/a.ts',
      'test/src/a.ts',
    ]
    expect(paths.filter((path) => isMutated({ path, text: '' }))).toEqual(['packages/state/src/a.ts'])
  })
})
