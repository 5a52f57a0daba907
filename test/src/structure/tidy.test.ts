import { describe, expect, test } from 'vitest'
import { parseModule } from './parse-module.ts'
import { sourceFiles } from './source-files.ts'
import { leftBehindProblems, tidyProblems } from './tidy-rules.ts'

test('files are named after what they hold, have no hidden seam, and reach the system only through Env', () => {
  expect(tidyProblems(sourceFiles().map(parseModule))).toEqual([])
})

describe('the check of files', () => {
  const problems = (path: string, text: string): string[] => tidyProblems([parseModule({ path, text })])

  test.each([
    ['a name in camel case', 'packages/core/src/windowStore.ts', '', 'not kebab-case'],
    ['a name that says nothing', 'packages/core/src/utils/window.ts', '', 'says nothing'],
    ['a name of an implementation', 'packages/core/src/window-impl.ts', '', 'by what it does'],
    ['a file with a seam', 'packages/cli/src/window.ts', '\n'.repeat(401), '401 lines'],
    ['the clock', 'packages/core/src/a.ts', 'const at = new Date()', 'uses Date'],
    ['the clock as a function', 'packages/state/src/a.ts', 'const at = Date.now()', 'uses Date'],
    ['the clock in a shorthand', 'packages/state/src/a.ts', 'const world = { Date }', 'uses Date'],
    ['chance', 'packages/connectors/src/a.ts', 'const chance = Math.random()', 'uses Math.random'],
    ['a timer', 'packages/runtime/src/a.ts', 'setTimeout(() => {}, 1)', 'uses setTimeout'],
    ['the disk', 'packages/runtime/src/a.ts', "import { readFileSync } from 'node:fs'", 'uses node:fs'],
    ['a plain object as a map', 'packages/cli/src/a.ts', 'const a: Record<string, number> = {}', 'a is a plain object'],
    ['the disk, later', 'packages/runtime/src/a.ts', "await import('node:fs/promises')", 'uses node:fs/promises'],
  ])('refuses %s', (_, path, text, problem) => {
    expect(problems(path, text)).toEqual([expect.stringContaining(problem)])
  })

  test.each([
    ['packages/core/src/node.ts', 'const now = () => Date.now()'],
    ['packages/core/src/a.test.ts', 'const now = () => Date.now()'],
    ['packages/cli/src/a.ts', "import { readFileSync } from 'node:fs'"],
    ['packages/cli/src/a.ts', 'const a: Record<string, number> = { a: 1 }; const b: Options = {}'],
    ['packages/core/src/a.ts', 'const a: Date = record.Date; const b = { Date: 1, setTimeout() {} }; Math.max(1, 2)'],
    ['packages/core/src/a.ts', "import type { Stats } from 'node:fs'"],
  ])('accepts %s: %s', (path, text) => {
    expect(problems(path, text)).toEqual([])
  })

  test('refuses a file that cannot be read', () => {
    expect(() => problems('packages/core/src/a.ts', 'const = 1')).toThrow('packages/core/src/a.ts')
  })
})

/** A test file of this text would be refused for all that it has. */
const LEAVES = "vi.mock('a')\nprocess.chdir('b')\nprocess.env['C'] = 'd'\nvi.useFakeTimers()"
const LEAVES_NOTHING = "vi.stubEnv('C', 'd')\nvi.useFakeTimers()\nvi.useRealTimers()\nif (process.env['C'] === 'd') e()"

test('tests leave nothing behind for the next file in their process', () => {
  const others = sourceFiles().filter(({ path }) => path !== 'test/src/structure/tidy.test.ts')
  expect(leftBehindProblems(others)).toEqual([])
  expect(leftBehindProblems([{ path: 'a.test.ts', text: LEAVES }])).toHaveLength(4)
  expect(leftBehindProblems([{ path: 'a.test.ts', text: LEAVES_NOTHING }])).toEqual([])
})
