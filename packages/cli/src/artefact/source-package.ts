import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A package that a module belongs to. */
export interface SourcePackage {
  readonly directory: string
  readonly name: string
  readonly version: string
  readonly manifest: Readonly<Record<string, unknown>>
}

/** Packages whose only purpose is to find or build native code: a package that depends on one has such code. */
const NATIVE_TOOLS = [
  '@mapbox/node-pre-gyp',
  'bindings',
  'cmake-js',
  'nan',
  'node-addon-api',
  'node-gyp',
  'node-gyp-build',
  'node-gyp-build-optional-packages',
  'node-pre-gyp',
  'pkg-prebuilds',
  'prebuild-install',
  'require-addon',
]

/** Fields of a package.json that state native code: for npm, napi-rs, node-pre-gyp and Holepunch's loader. */
const NATIVE_FIELDS = ['gypfile', 'napi', 'binary', 'addon']

const IN_NODE_MODULES = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/

/** Packages by directory; undefined for a directory without a package.json that has a name. */
export class SourcePackages {
  readonly #packages = new Map<string, SourcePackage | undefined>()
  readonly #nativeParts = new Map<SourcePackage, string | undefined>()

  /** The package of a file: the folder in `node_modules`, or the nearest one above whose package.json has a name. */
  of(path: string): SourcePackage | undefined {
    const installed = IN_NODE_MODULES.exec(path)?.[1]
    if (installed !== undefined) return this.#at(installed)
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      const found = this.#at(folder)
      if (found !== undefined || folder === dirname(folder)) return found
    }
  }

  /** What shows that a package has native code; undefined if nothing does. */
  nativePartOf(source: SourcePackage): string | undefined {
    if (!this.#nativeParts.has(source)) this.#nativeParts.set(source, nativePart(source))
    return this.#nativeParts.get(source)
  }

  #at(directory: string): SourcePackage | undefined {
    if (!this.#packages.has(directory)) this.#packages.set(directory, readPackage(directory))
    return this.#packages.get(directory)
  }
}

/** The directory above `importer` whose `node_modules` has the package: where Node finds it. */
export function directoryWith(name: string, importer: string): string {
  const start = dirname(importer)
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'node_modules', name))) return folder
    if (folder === dirname(folder)) return start
  }
}

function readPackage(directory: string): SourcePackage | undefined {
  const path = join(directory, 'package.json')
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined
  const manifest = parsedObject(readFileSync(path, 'utf8'))
  const { name, version } = manifest
  if (typeof name !== 'string') return undefined
  return { directory, name, version: typeof version === 'string' ? version : 'unknown', manifest }
}

/** The object that a text is in JSON; an empty one for any other text: Node reports a malformed package.json. */
function parsedObject(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text)
    return isObject(json) ? json : {}
  } catch {
    return {}
  }
}

function nativePart({ directory, manifest }: SourcePackage): string | undefined {
  const field = NATIVE_FIELDS.find((name) => manifest[name] !== undefined && manifest[name] !== false)
  if (field !== undefined) return `"${field}" in its package.json states native code`
  const needed = [manifest['dependencies'], manifest['optionalDependencies']].flatMap((names) =>
    isObject(names) ? Object.keys(names) : [],
  )
  const tool = NATIVE_TOOLS.find((name) => needed.includes(name))
  if (tool !== undefined) return `it loads native code with ${tool}`
  const names = readdirSync(directory)
  const file = names.find((name) => name === 'binding.gyp' || name === 'prebuilds' || name.endsWith('.node'))
  return file === undefined ? undefined : `it has ${file}, which is native code`
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}
