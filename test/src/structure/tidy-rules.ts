import { isForTests } from './import-rules.ts'
import type { ParsedModule, SourceFile } from './parse-module.ts'

/** A file with more lines than this can be split somewhere (STYLE.md). */
const FILE_LINES_MAX = 400

/** Names that describe the kind of code in a file, and not its subject. */
const EMPTY_NAMES = ['common', 'constants', 'helpers', 'interfaces', 'misc', 'shared', 'types', 'util', 'utils']

/** Packages whose code a seeded simulation must be able to run: they use the outside world only through `Env`. */
const SIMULATED = ['packages/core/', 'packages/state/', 'packages/connectors/', 'packages/runtime/']

/** `Env` for Node: the only place that reads the clock, chance and the disk. */
const ADAPTERS = ['packages/core/src/node.ts', 'packages/core/src/node/']

const WORLD_MODULES = ['node:fs', 'node:fs/promises', 'node:timers', 'node:timers/promises', 'fs', 'fs/promises']

/** Violations of the rules for files in STYLE.md and DESIGN.md that a parser can find, one sentence each. */
export function tidyProblems(modules: readonly ParsedModule[]): string[] {
  const rules = [nameProblems, lengthProblems, worldProblems, mapProblems]
  return modules.flatMap((module) => rules.flatMap((rule) => rule(module)))
}

function nameProblems({ path }: ParsedModule): string[] {
  const words = path.replace(/((\.long)?\.test|\.d)?\.ts$/, '').split('/')
  return words.flatMap((word) => {
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(word)) return [`${path}: ${word} is not kebab-case`]
    if (EMPTY_NAMES.includes(word) && !path.endsWith('.test.ts'))
      return [`${path}: ${word} says nothing about what is in it`]
    if (/-impl$|^i-/.test(word)) return [`${path}: name a thing by what it does, not by being implemented`]
    return []
  })
}

function lengthProblems({ path, lines }: ParsedModule): string[] {
  return lines > FILE_LINES_MAX ? [`${path}: ${lines} lines are more than ${FILE_LINES_MAX}; look for the seam`] : []
}

function worldProblems({ path, worldReads, imports }: ParsedModule): string[] {
  if (!SIMULATED.some((folder) => path.startsWith(folder)) || isForTests(path)) return []
  if (ADAPTERS.some((adapter) => path.startsWith(adapter))) return []
  const modules = imports.filter(({ specifier, typeOnly }) => WORLD_MODULES.includes(specifier) && !typeOnly)
  const reads = [...worldReads, ...modules.map(({ specifier }) => specifier)]
  return reads.map((read) => `${path} uses ${read}, which belongs behind Env`)
}

function mapProblems({ path, plainMaps }: ParsedModule): string[] {
  if (!path.startsWith('packages/') || isForTests(path)) return []
  return plainMaps.map((name) => `${path}: ${name} is a plain object used as a map; use a Map, or dictionary()`)
}

/** What would change the process for the files of tests that run in it later (vitest.config.ts), and what to do. */
const LEFT_BEHIND: readonly [RegExp, string][] = [
  [/\bvi\.(doMock|mock)\(/, 'replaces a module; pass another implementation instead'],
  [/\bprocess\.chdir\(/, 'changes the working directory; pass the path instead'],
  [/\bprocess\.env(\.\w+|\[[^\]]+\]) = |\bdelete process\.env/, 'changes the environment; use vi.stubEnv'],
  [/\bvi\.useFakeTimers\((?!.*\bvi\.useRealTimers\()/s, 'keeps its timers; call vi.useRealTimers at the end'],
]

/** Violations of the rule that a test leaves nothing behind in its process, one sentence each. */
export function leftBehindProblems(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => path.endsWith('.test.ts'))
    .flatMap(({ path, text }) =>
      LEFT_BEHIND.filter(([pattern]) => pattern.test(text)).map(([, problem]) => `${path} ${problem}`),
    )
}
