import { isBuiltin } from 'node:module'
import { dirname, relative, resolve } from 'node:path'
import type { ExternalPackage } from '@millrace/runtime'
import {
  type BuildFailure,
  type BuildResult,
  build,
  type Message,
  type OnResolveArgs,
  type OnResolveResult,
  type Plugin,
  type ResolveResult,
} from 'esbuild'
import { packageTypeOf } from '../jobs/package-type.ts'
import { bundleFailed, placeInFile } from './bundle-failed.ts'
import { BUNDLE_LIKE_NODE } from './like-node.ts'
import { isOfMillrace, packageNameOf } from './millrace-packages.ts'
import { readModule, type SourceModule } from './source-module.ts'
import { directoryWith, type SourcePackage, SourcePackages } from './source-package.ts'

/** What an import leads to: a module of the bundle, or a specifier that stays. */
export type Resolution = { readonly path: string } | { readonly specifier: string }

/** A module of the graph. */
export interface GraphModule extends SourceModule {
  /** Whether Node treats it as an ES module or as CommonJS; undefined for JSON. */
  readonly format: 'esm' | 'cjs' | undefined
}

/** The modules that a job file needs, and the packages that stay outside. Paths are real paths. */
export interface ModuleGraph {
  readonly entry: string
  /** The directory of the job's project. */
  readonly base: string
  readonly modules: ReadonlyMap<string, GraphModule>
  readonly packages: SourcePackages
  /** By `resolutionKey`. */
  readonly resolutions: ReadonlyMap<string, Resolution>
  readonly externals: readonly ExternalPackage[]
}

/** What esbuild warns about although the bundle would then fail, or find another file, when it runs. */
const UNRESOLVED_CALLS = [
  'unsupported-require-call',
  'unsupported-dynamic-import',
  'indirect-require',
  'require-resolve-not-external',
] as const

/** A directory that does not exist. */
export const NOWHERE = resolve('/millrace-job')

/** Marks the resolutions that the plugin itself requests. */
const RESOLVING = Symbol('resolving')

/**
 * Finds all modules that a job file needs. A package with native code, and a package that cannot be bundled rightly, stays
 * outside: then the graph is found again without it. Throws `JOB_BUNDLE_FAILED`.
 */
export async function findModules(entry: string, base: string): Promise<ModuleGraph> {
  const known: Known = { packages: new SourcePackages(), outside: new Map(), modules: new Map(), found: new Map() }
  for (;;) {
    const search = new ModuleSearch(entry, base, known)
    const graph = await search.run()
    // Each time, at least one more package is outside.
    if (graph !== undefined) return graph
  }
}

/**
 * The modules of the user that a job file needs, as far as they can be found: also of a file that has an error, or that cannot be
 * bundled. Paths are real paths. Installed packages are not among them.
 */
export async function findModuleFiles(entry: string, base: string): Promise<string[]> {
  const known: Known = { packages: new SourcePackages(), outside: new Map(), modules: new Map(), found: new Map() }
  const search = new ModuleSearch(entry, base, known)
  await search.run().catch(() => undefined)
  return [...known.modules.keys()].filter((path) => !isInstalled(path))
}

/** What identifies a resolution: the same text may lead an `import` and a `require` to different files. */
export function resolutionKey(importer: string, { kind, path }: Pick<OnResolveArgs, 'kind' | 'path'>): string {
  return [importer, kind, path].join('\0')
}

/** What one search finds out for the next one. */
interface Known {
  readonly packages: SourcePackages
  /** The packages that stay outside, with the reason. */
  readonly outside: Map<SourcePackage, string>
  readonly modules: Map<string, SourceModule>
  /** By `resolutionKey`: what esbuild finds. */
  readonly found: Map<string, ResolveResult>
}

class ModuleSearch {
  readonly #entry: string
  readonly #base: string
  readonly #known: Known
  readonly #packages: SourcePackages
  readonly #outside: Map<SourcePackage, string>
  readonly #modules = new Map<string, SourceModule>()
  readonly #resolutions = new Map<string, Resolution>()
  readonly #externals = new Map<string, ExternalPackage>()
  /** Of the project of the job. */
  readonly #problems: string[] = []
  /** Of packages. */
  readonly #faults = new Map<SourcePackage, string[]>()

  constructor(entry: string, base: string, known: Known) {
    this.#entry = entry
    this.#base = base
    this.#known = known
    this.#packages = known.packages
    this.#outside = known.outside
  }

  /** The graph; undefined if more packages must stay outside. Throws `JOB_BUNDLE_FAILED`. */
  async run(): Promise<ModuleGraph | undefined> {
    const result = await this.#build()
    if (this.#problems.length > 0) throw bundleFailed(this.#entry, this.#problems.sort())
    // The first in order, so that the same sources always have the same reasons.
    for (const [source, faults] of this.#faults) this.#outside.set(source, `its ${faults.sort()[0]}`)
    if (this.#faults.size > 0 || result === undefined) return undefined
    const formats = new Map<string, string | undefined>()
    for (const [path, { format }] of Object.entries(result.metafile.inputs)) {
      formats.set(resolve(this.#base, path), format)
    }
    const modules = [...this.#modules].map(([path, module]): [string, GraphModule] => [
      path,
      { ...module, format: formatOf(path, module, formats.get(path)) },
    ])
    return {
      entry: this.#entry,
      base: this.#base,
      modules: new Map(modules),
      packages: this.#packages,
      resolutions: this.#resolutions,
      externals: [...this.#externals].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, external]) => external),
    }
  }

  async #build(): Promise<BuildResult<{ metafile: true }> | undefined> {
    try {
      const result = await build({
        ...BUNDLE_LIKE_NODE,
        absWorkingDir: this.#base,
        entryPoints: [this.#entry],
        logOverride: Object.fromEntries(UNRESOLVED_CALLS.map((id) => [id, 'warning'])),
        plugins: [this.#plugin()],
      })
      this.#report([], result.warnings)
      return result
    } catch (error) {
      if (!isBuildFailure(error)) throw error
      this.#report(error.errors, error.warnings)
      return undefined
    }
  }

  #plugin(): Plugin {
    return {
      name: 'millrace-modules',
      setup: ({ onResolve, onLoad, resolve: resolveLikeNode }) => {
        onResolve({ filter: /.*/ }, async (args): Promise<OnResolveResult | undefined> => {
          if (args.pluginData === RESOLVING || args.kind === 'entry-point') return undefined
          const key = resolutionKey(args.importer, args)
          if (isBuiltin(args.path) || isOfMillrace(args.path)) return this.#leave(key, args.path)
          const { importer, kind } = args
          const place = { importer, kind, resolveDir: dirname(importer), pluginData: RESOLVING }
          const found = this.#known.found.get(key) ?? (await resolveLikeNode(args.path, place))
          this.#known.found.set(key, found)
          // esbuild reports that it is missing, or ignores it where the module handles that.
          if (found.errors.length > 0) {
            this.#leave(key, args.path)
            return undefined
          }
          if (found.external) return this.#leave(key, args.path)
          if (found.namespace !== 'file') return undefined
          const specifier = this.#externalSpecifier(args, found.path)
          if (specifier !== undefined) return this.#leave(key, specifier)
          this.#resolutions.set(key, { path: found.path })
          return { path: found.path }
        })
        onLoad({ filter: /.*/, namespace: 'file' }, async ({ path }) => {
          const module = this.#known.modules.get(path) ?? (await readModule(path, !isInstalled(path)))
          this.#known.modules.set(path, module)
          this.#modules.set(path, module)
          if (module.problem !== undefined) this.#problem(path, module.problem.line, module.problem.text)
          // No directory: esbuild would bundle all files that the name of an import could be when the job runs.
          return { contents: module.contents, loader: module.loader, resolveDir: NOWHERE }
        })
      },
    }
  }

  #leave(key: string, specifier: string): OnResolveResult {
    this.#resolutions.set(key, { specifier })
    return { path: specifier, external: true }
  }

  /** What the bundle imports instead of a file of a package that stays outside; undefined for any other file. */
  #externalSpecifier({ path: text, importer }: OnResolveArgs, path: string): string | undefined {
    const source = isIn(this.#base, path) ? undefined : this.#packages.of(path)
    if (source === undefined) return undefined
    const reason = this.#outside.get(source) ?? this.#packages.nativePartOf(source)
    const name = packageNameOf(text)
    if (reason === undefined) return undefined
    if (name === undefined) {
      if (this.#packages.of(importer) === source) return undefined
      const from = placeInFile(
        relative(this.#base, importer),
        0,
        `The import of "${text}" leads into package ${source.name}`,
      )
      this.#problems.push(`${from}, which cannot be bundled: ${reason}. Import it by its name`)
      return undefined
    }
    const from = directoryWith(name, importer)
    const before = this.#externals.get(`${name}@${source.version}`)
    if (before === undefined || from < before.from) {
      this.#externals.set(`${name}@${source.version}`, { name, version: source.version, from, reason })
    }
    return `${name}@${source.version}${text.slice(name.length)}`
  }

  /** Takes what esbuild reports. */
  #report(errors: readonly Message[], warnings: readonly Message[]): void {
    for (const { location, text } of [...errors, ...warnings.filter(isUnresolvedCall)]) {
      if (location === null) this.#problems.push(text)
      else this.#problem(resolve(this.#base, location.file), location.line, text)
    }
  }

  /** An installed package with a problem stays outside, if it is imported by its name. */
  #problem(path: string, line: number, text: string): void {
    const source = isInstalled(path) ? this.#packages.of(path) : undefined
    if (source === undefined || this.#outside.has(source)) {
      this.#problems.push(placeInFile(relative(this.#base, path), line, text))
      return
    }
    const fault = placeInFile(relative(source.directory, path).replaceAll('\\', '/'), line, text)
    this.#faults.set(source, [...(this.#faults.get(source) ?? []), fault])
  }
}

/** Whether a file is in a directory, and not in a package that is installed there. */
export function isIn(directory: string, path: string): boolean {
  const inside = relative(directory, path)
  return !isInstalled(inside) && inside.split(/[\\/]/, 1)[0] !== '..'
}

/** Whether a file was installed. A package that is linked from another directory is code of the user, as the project is. */
function isInstalled(path: string): boolean {
  return /(^|[\\/])node_modules[\\/]/.test(path)
}

function formatOf(path: string, { loader }: SourceModule, syntax: string | undefined): GraphModule['format'] {
  if (loader === 'json') return undefined
  if (/\.m[jt]s$/.test(path)) return 'esm'
  if (/\.c[jt]s$/.test(path)) return 'cjs'
  const type = packageTypeOf(path)
  if (type !== undefined) return type === 'module' ? 'esm' : 'cjs'
  return syntax === 'esm' ? 'esm' : 'cjs'
}

/** Whether a warning is about an import whose name is known only when the job runs; it has no id if the name has a pattern. */
function isUnresolvedCall({ id, text }: Message): boolean {
  return UNRESOLVED_CALLS.some((each) => each === id) || /^Could not resolve (import|require)\(/.test(text)
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors)
}
