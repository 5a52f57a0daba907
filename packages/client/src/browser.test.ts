import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { expect, test } from 'vitest'

const SOURCES = resolve(import.meta.dirname, '../../..', 'packages')

/** The sibling packages' entry points that the client may use. */
const ENTRY_POINTS: Record<string, string> = {
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
      const target = specifier.startsWith('.') ? resolve(dirname(file), specifier) : ENTRY_POINTS[specifier]
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

/** Removes what a browser does not have, then defines a job, reads a view of it and follows its changes. */
const WITHOUT_NODE = `
  const { log } = console
  for (const name of ['Buffer', 'process', 'global', 'setImmediate', 'clearImmediate']) delete globalThis[name]
  const { MillraceClient } = await import('@millrace/client')
  const { job, json, stream, string, topic } = await import('@millrace/core')
  const flights = topic('flights', { key: string(), value: json() })
  const totals = stream(flights).groupByKey().count('totals')
  job('flights', totals)
  // Not Node's own Response, which is made with Buffer.
  const events = 'event: position\\nid: flights/0=1\\ndata: {"position":"flights/0=1"}\\n\\n'
  const body = () => new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(events)) })
  const fetch = async (url) => url.endsWith('changes')
    ? { status: 200, headers: new Map([['content-type', 'text/event-stream']]), body: body() }
    : { status: 200, json: async () => ({ key: 'ATL', value: 3, position: 'flights/0=1' }) }
  const view = new MillraceClient('http://localhost', { fetch }).view(totals)
  const value = await view.get('ATL')
  const subscription = view.changes().subscribe((event) => {
    log(value, event.kind, typeof Buffer)
    queueMicrotask(() => subscription.unsubscribe())
  })
`

test('the client runs without anything of Node', () => {
  const conditions = ['--conditions=browser', '--conditions=millrace-source']
  const args = [...conditions, '--input-type=module', '--eval', WITHOUT_NODE]
  const printed = execFileSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8' })
  expect(printed).toBe('3 start undefined\n')
})

test.each([
  [`import { readFileSync } from 'node:fs'`, ['node:fs']],
  [`import 'node:fs'`, ['node:fs']],
  [`export { x } from '@millrace/runtime'`, ['@millrace/runtime']],
  [`import {\n  a,\n  type B,\n} from './b.ts'`, ['./b.ts']],
  [`const fs = await import('node:fs')`, ['node:fs']],
  [`import type { Buffer } from 'node:buffer'`, []],
])('the check finds imports: %s', (source, found) => {
  expect(importsOf(source)).toEqual(found)
})
