import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { expect, test } from 'vitest'

const SOURCES = resolve(import.meta.dirname, '../../..', 'packages')

/** The doors of siblings that the client may use. */
const DOORS: Record<string, string> = {
  '@millrace/core': resolve(SOURCES, 'core/src/index.ts'),
  '@millrace/core/internal': resolve(SOURCES, 'core/src/internal.ts'),
}

/** Packages that are known to run in a browser. */
const PACKAGES = ['rxjs', 'eventsource-parser', '@standard-schema/spec', 'msgpackr']

const IMPORT = /^(?:import|export)\s+(?!type\b)(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/gm

function importsOf(source: string): string[] {
  return [...source.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? '')
}

/** Every import that a browser could not follow, as `file: specifier`, of all files that the entry reaches. */
function foreignImports(entry: string): { visited: number; foreign: string[] } {
  const visited = new Set<string>()
  const foreign: string[] = []
  const visit = (file: string) => {
    if (visited.has(file)) return
    visited.add(file)
    for (const specifier of importsOf(readFileSync(file, 'utf8'))) {
      const target = specifier.startsWith('.') ? resolve(dirname(file), specifier) : DOORS[specifier]
      if (target !== undefined && existsSync(target)) visit(target)
      else if (!PACKAGES.some((name) => specifier === name || specifier.startsWith(`${name}/`))) {
        foreign.push(`${file}: ${specifier}`)
      }
    }
  }
  visit(entry)
  return { visited: visited.size, foreign }
}

test('the client and all that it reaches import nothing that a browser does not have', () => {
  const { visited, foreign } = foreignImports(resolve(import.meta.dirname, 'index.ts'))
  expect(foreign).toEqual([])
  expect(visited).toBeGreaterThan(12)
})

test.each([
  [`import { readFileSync } from 'node:fs'`, ['node:fs']],
  [`import 'node:fs'`, ['node:fs']],
  [`export { x } from '@millrace/runtime'`, ['@millrace/runtime']],
  [`import {\n  a,\n  type B,\n} from './b.ts'`, ['./b.ts']],
  [`const fs = await import('node:fs')`, ['node:fs']],
  [`import type { Buffer } from 'node:buffer'`, []],
])('imports are found: %s', (source, found) => {
  expect(importsOf(source)).toEqual(found)
})
