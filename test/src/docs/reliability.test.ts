import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { repository } from '../structure/source-files.ts'
import { namedTests, tableRows } from './markdown.ts'

const document = readFileSync(new URL('docs/reliability.md', repository), 'utf8')
const rows = tableRows(document, 'Faults that other systems had')

test('the faults that other systems had are listed, each with what holds it', () => {
  expect(rows).toHaveLength(31)
  for (const [fault = '', evidence = ''] of rows) expect(namedTests(evidence), fault).not.toEqual([])
})

test.each(rows.flatMap(([, evidence = '']) => namedTests(evidence)))('$path has "$name"', ({ path, name }) => {
  const file = fileURLToPath(new URL(path, repository))
  expect(existsSync(file), path).toBe(true)
  expect(isTestFile(path), `${path} holds no tests`).toBe(true)
  expect(readFileSync(file, 'utf8')).toMatch(namedIn(path, name))
})

/** The files with tests, and with suites for every log, invariants and planted bugs of the simulated world. */
function isTestFile(path: string): boolean {
  return (
    path.endsWith('.test.ts') ||
    path.startsWith('packages/core/src/conformance/') ||
    path === 'packages/testing/src/world/invariants.ts' ||
    path === 'packages/testing/src/planted/planted-bugs.ts'
  )
}

/** A name as it is written in the code: the title of a test, or a part of a title that is put together; a key or a `name`. */
function namedIn(path: string, name: string): RegExp {
  const text = name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  if (path.endsWith('invariants.ts')) return new RegExp(`^  '?${text}'?: '`, 'm')
  if (path.endsWith('planted-bugs.ts')) return new RegExp(`name: '${text}',$`, 'm')
  return new RegExp(`(^|[( ])['"\`][^'"\`\n]*${text}[^'"\`\n]*['"\`],`, 'm')
}
