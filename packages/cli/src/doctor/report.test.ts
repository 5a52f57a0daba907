import pc from 'picocolors'
import { expect, test } from 'vitest'
import { ok, problem, warning } from './finding.ts'
import { findingLines, summary } from './report.ts'

const colors = pc.createColors(false)

test('a finding is one line, and what to do stands indented below it', () => {
  expect(findingLines(ok('Disk', '5 GiB free', '/data'), colors)).toEqual(['  ok         Disk: 5 GiB free'])
  expect(findingLines(warning({ check: 'Disk', what: 'full', advice: 'Free some space.' }), colors)).toEqual([
    '  warning    Disk: full',
    '             Free some space.',
  ])
})

test('advice is cut at spaces, and a command between quotes stays whole', () => {
  const command = `"kill ${'9'.repeat(60)} -x"`
  const lines = findingLines(
    problem({ check: 'a', what: 'b', advice: `${'word '.repeat(12)}${command}. Then more` }),
    colors,
  )
  expect(lines).toEqual([
    '  problem    a: b',
    `             ${'word '.repeat(12).trim()}`,
    `             ${command}. Then more`,
  ])
})

test('characters from data that a terminal acts on are escaped', () => {
  expect(findingLines(problem({ check: 'a', what: '\u001b[2J', advice: 'see \u202e' }), colors)).toEqual([
    '  problem    a: \\u001b[2J',
    '             see \\u202e',
  ])
})

test('the summary counts problems and warnings', () => {
  const fine = ok('a', 'b')
  const advised = { check: 'a', what: 'b', advice: 'c' }
  expect(summary([fine])).toBe('1 check: all fine')
  expect(summary([fine, warning(advised), problem(advised), problem(advised)])).toBe('4 checks: 2 problems, 1 warning')
})
