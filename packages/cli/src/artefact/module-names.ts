import { relative } from 'node:path'
import { isIn, type ModuleGraph } from './module-graph.ts'
import type { SourcePackage } from './source-package.ts'

/** Stands for `..` in the name of a module that is outside of the project and of every package. */
const PARENT = '(parent)'

/**
 * What the modules of a job are called in its bundle and in stack traces: `src/plan.ts` in the project, and
 * `node_modules/<package>/index.js` in packages. The names do not depend on where the project and its packages are.
 */
export function moduleNames({ base, modules, packages }: ModuleGraph): ReadonlyMap<string, string> {
  const paths = [...modules.keys()].sort()
  const folders = packageFolders(
    paths.flatMap((path) => (isIn(base, path) ? [] : (packages.of(path) ?? []))),
    base,
  )
  const names = paths.map((path): [string, string] => {
    const source = isIn(base, path) ? undefined : packages.of(path)
    const folder = source === undefined ? undefined : folders.get(source)
    if (source === undefined || folder === undefined) return [path, portable(relative(base, path))]
    return [path, `node_modules/${folder}/${portable(relative(source.directory, path))}`]
  })
  return new Map(names)
}

/** Packages by name; with the version if there are several of that name, and with a number if there are several of both. */
function packageFolders(found: readonly SourcePackage[], base: string): ReadonlyMap<SourcePackage, string> {
  const byName = Map.groupBy(new Set(found), ({ name }) => name)
  const folders = new Map<SourcePackage, string>()
  for (const [name, sameName] of byName) {
    for (const [version, same] of Map.groupBy(sameName, (source) => source.version)) {
      const sorted = same.toSorted((one, other) => (placeOf(base, one) < placeOf(base, other) ? -1 : 1))
      for (const [index, source] of sorted.entries()) {
        const suffix = sameName.length === 1 ? '' : `@${version}${index === 0 ? '' : `(${index + 1})`}`
        folders.set(source, `${name}${suffix}`)
      }
    }
  }
  return folders
}

function placeOf(base: string, { directory }: SourcePackage): string {
  return portable(relative(base, directory))
}

function portable(path: string): string {
  return path
    .split(/[\\/]/)
    .map((part) => (part === '..' ? PARENT : part))
    .join('/')
}
