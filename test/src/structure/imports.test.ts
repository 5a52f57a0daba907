import { describe, expect, test } from 'vitest'
import { importCycles, importProblems, type Workspace } from './import-rules.ts'
import { parseModule } from './parse-module.ts'
import { sourceFiles } from './source-files.ts'
import { manifests, workspaceOf } from './workspaces.ts'

const modules = sourceFiles().map(parseModule)

test('imports run one way, through declared entry points', () => {
  expect(importProblems(modules, manifests().map(workspaceOf))).toEqual([])
})

test('no files import each other in a circle', () => {
  expect(importCycles(modules)).toEqual([])
})

describe('the check of imports', () => {
  const workspace = (folder: string, name: string, dependencies: readonly string[]): Workspace => ({
    folder,
    name,
    entryPoints: { '.': './src/index.ts', './internal': './src/internal.ts' },
    dependencies,
    devDependencies: ['@millrace/connectors'],
  })
  const workspaces = [
    workspace('packages/core', '@millrace/core', ['@millrace/runtime']),
    workspace('packages/connectors', '@millrace/connectors', ['@millrace/core']),
    workspace('packages/runtime', '@millrace/runtime', ['@millrace/core', '@millrace/connectors']),
    workspace('jobs/flights', '@millrace/job-flights', ['@millrace/core']),
  ]
  const problems = (path: string, text: string): string[] => importProblems([parseModule({ path, text })], workspaces)

  test.each([
    [
      'upwards',
      'packages/core/src/a.ts',
      "import '@millrace/runtime'",
      '@millrace/core may not import @millrace/runtime',
    ],
    ['of a connector by the runtime', 'packages/runtime/src/a.ts', "import '@millrace/connectors'", 'may not import'],
    ['of a type, too', 'packages/runtime/src/a.ts', "import type { A } from '@millrace/connectors'", 'may not import'],
    ['when it runs, too', 'packages/runtime/src/a.ts', "await import('@millrace/connectors')", 'may not import'],
    ['by re-export, too', 'packages/runtime/src/a.ts', "export { A } from '@millrace/connectors'", 'may not import'],
    [
      'past the entry points',
      'packages/runtime/src/a.ts',
      "import '@millrace/core/src/names.ts'",
      'has no such entry point',
    ],
    ['by a relative path', 'packages/runtime/src/a.ts', "import '../../core/src/names.ts'", 'leads out of'],
    ['by its own name', 'packages/core/src/a.ts', "import '@millrace/core'", 'by their paths'],
    ['of what it does not depend on', 'jobs/flights/src/a.ts', "import '@millrace/connectors'", 'does not name it'],
    [
      'by a job of what siblings see',
      'jobs/flights/src/a.ts',
      "import '@millrace/core/internal'",
      'not for their users',
    ],
    ['of everything there is', 'packages/core/src/index.ts', "export * from './a.ts'", 'one by one'],
    ['of what is there for tests', 'packages/core/src/a.ts', "import './testing/b.ts'", 'only for tests'],
  ])('refuses an import %s', (_, path, text, problem) => {
    expect(problems(path, text)).toEqual([expect.stringContaining(problem)])
  })

  test.each([
    ['packages/runtime/src/a.ts', "import { A } from '@millrace/core/internal'\nimport './b.ts'\nimport 'rxjs'"],
    ['packages/runtime/src/a.test.ts', "import { memoryLog } from '@millrace/connectors'\nimport './testing/b.ts'"],
  ])('accepts %s', (path, text) => {
    expect(problems(path, text)).toEqual([])
  })

  test('finds a circle and names the files on it', () => {
    const circle = [
      { path: 'packages/core/src/a.ts', text: "import './b/c.ts'" },
      { path: 'packages/core/src/b/c.ts', text: "import { A, type B } from '../d.ts'" },
      { path: 'packages/core/src/d.ts', text: "export { b } from './b/c.ts'" },
    ]
    expect(importCycles(circle.map(parseModule))).toEqual([
      'packages/core/src/b/c.ts → packages/core/src/d.ts → packages/core/src/b/c.ts',
    ])
  })
  test('reports a circle of types alone, except in the DSL, whose types refer to each other', () => {
    const types = (folder: string) => [
      { path: `packages/core/src/${folder}/stream.ts`, text: "import { Table } from './table.ts'" },
      { path: `packages/core/src/${folder}/table.ts`, text: "import type { Stream } from './stream.ts'" },
    ]
    expect(importCycles(types('dsl').map(parseModule))).toEqual([])
    expect(importCycles(types('plan').map(parseModule))).toHaveLength(1)
  })
})
