import type { ModuleImport, ParsedModule } from './parse-module.ts'

/** A workspace as its package.json states it. */
export interface Workspace {
  /** From the top of the repository: `packages/core`. */
  readonly folder: string
  readonly name: string
  /** Its entry points: `.`, `./internal`, … and the source file of each. */
  readonly entryPoints: Readonly<Record<string, string>>
  readonly dependencies: readonly string[]
  readonly devDependencies: readonly string[]
}

/**
 * Which packages a package may import, per DESIGN.md section 3. `core` is below everything; `state` and `connectors`
 * never import each other; `runtime` receives its log. A package that is not listed here (jobs, bench, test) may import all.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  '@millrace/core': [],
  '@millrace/state': ['@millrace/core'],
  '@millrace/connectors': ['@millrace/core'],
  '@millrace/client': ['@millrace/core'],
  '@millrace/runtime': ['@millrace/core', '@millrace/state'],
  '@millrace/testing': ['@millrace/core', '@millrace/state', '@millrace/connectors', '@millrace/runtime'],
  '@millrace/dashboard': ['@millrace/core', '@millrace/client'],
}

/** Entry points that are not public: `./internal` is for the packages that are published together. */
const SIBLING_ENTRY_POINTS = ['./internal']

/** A file that only tests load: a test, or something in a folder `testing`. */
export function isForTests(path: string): boolean {
  return /\.test\.ts$/.test(path) || path.includes('/testing/') || path.startsWith('test/')
}

/** Every import that DESIGN.md does not allow, one sentence each. */
export function importProblems(modules: readonly ParsedModule[], workspaces: readonly Workspace[]): string[] {
  const problems = modules.flatMap((module) => {
    const home = workspaces.find(({ folder }) => module.path.startsWith(`${folder}/`))
    if (home === undefined) return [`${module.path} belongs to no workspace`]
    return module.imports.flatMap((imported) => {
      const problem = problemOf(module, imported, home, workspaces)
      return problem === undefined ? [] : [`${module.path} imports ${imported.specifier}: ${problem}`]
    })
  })
  return [...new Set(problems)]
}

function problemOf(
  module: ParsedModule,
  { specifier, exportsAll }: ModuleImport,
  home: Workspace,
  workspaces: readonly Workspace[],
): string | undefined {
  if (exportsAll) return 'names are exported one by one'
  if (specifier.startsWith('.')) {
    const target = resolved(module.path, specifier)
    if (!target.startsWith(`${home.folder}/`)) return `a relative path leads out of ${home.name}`
    return !isForTests(module.path) && isForTests(target) ? 'it exists only for tests' : undefined
  }
  const other = workspaces.find(({ name }) => specifier === name || specifier.startsWith(`${name}/`))
  if (other === undefined) return undefined
  const entryPoint = `.${specifier.slice(other.name.length)}`
  if (other === home) return 'a package imports its own files by their paths'
  if (other.entryPoints[entryPoint] === undefined) return `${other.name} has no such entry point`
  if (SIBLING_ENTRY_POINTS.includes(entryPoint) && !home.folder.startsWith('packages/') && !isForTests(module.path)) {
    return 'that entry point is for the packages, not for their users'
  }
  const declared = isForTests(module.path) ? [...home.dependencies, ...home.devDependencies] : home.dependencies
  if (!declared.includes(other.name)) return `${home.folder}/package.json does not name it`
  const allowed = MAY_IMPORT[home.name]
  if (allowed !== undefined && !isForTests(module.path) && !allowed.includes(other.name)) {
    return `${home.name} may not import ${other.name}`
  }
  return undefined
}

/**
 * Here types may refer to each other in circles: streams and tables are duals, each of which makes the other, and a step of a plan has
 * steps of any kind for inputs.
 */
const CYCLIC_TYPES = ['packages/core/src/dsl/', 'packages/core/src/plan/nodes/']

/** Files that import each other in a circle, if only for types; each circle once, as its path. */
export function importCycles(modules: readonly ParsedModule[]): string[] {
  const byPath = new Map(modules.map((module) => [module.path, module]))
  const done = new Set<string>()
  const cycles: string[] = []
  const follow = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      cycles.push([...trail.slice(start), path].join(' → '))
      return
    }
    const module = byPath.get(path)
    if (module === undefined || done.has(path)) return
    for (const { specifier, typeOnly } of module.imports) {
      if (specifier.startsWith('.') && !(typeOnly && CYCLIC_TYPES.some((folder) => path.startsWith(folder))))
        follow(resolved(path, specifier), [...trail, path])
    }
    done.add(path)
  }
  for (const { path } of modules) follow(path, [])
  return cycles
}

/** The path that a relative import leads to, from the top of the repository. */
function resolved(from: string, specifier: string): string {
  const base = `file:///${from}`
  return decodeURIComponent(new URL(specifier, base).pathname.slice(1))
}
