import { resolve } from 'node:path'
import { CODE_FILE, MAP_FILE } from '@millrace/runtime'
import { build, type OnResolveResult, type Plugin } from 'esbuild'
import { bundleFailed } from './bundle-failed.ts'
import { BUNDLE_LIKE_NODE } from './like-node.ts'
import { type GraphModule, type ModuleGraph, NOWHERE, resolutionKey } from './module-graph.ts'
import { moduleNames } from './module-names.ts'

/** CommonJS modules in the bundle call `require` for what stays outside. */
const BANNER = `import { createRequire as millraceCreateRequire } from 'node:module'
const require = millraceCreateRequire(import.meta.url)`

/**
 * Writes all modules of a job into one ES module, with its source map and its data files. Modules get their names in a directory
 * that does not exist, so that neither the code nor the source map depends on where they really are: equal modules give equal
 * bytes.
 */
export async function writeBundle(graph: ModuleGraph): Promise<ReadonlyMap<string, Uint8Array>> {
  const names = moduleNames(graph)
  const places = new Map([...graph.modules].map(([path, module]) => [path, placeOf(names.get(path) ?? path, module)]))
  const { outputFiles } = await build({
    ...BUNDLE_LIKE_NODE,
    absWorkingDir: NOWHERE,
    entryPoints: [graph.entry],
    outfile: resolve(NOWHERE, CODE_FILE),
    sourcemap: 'linked',
    banner: { js: BANNER },
    plugins: [namedModules(graph, places)],
  }).catch((cause: unknown) => {
    throw bundleFailed(graph.entry, [cause instanceof Error ? cause.message : String(cause)], cause)
  })
  const contents = new Map<string, Uint8Array>()
  for (const { dataFiles } of graph.modules.values()) {
    for (const [name, content] of dataFiles) contents.set(name, content)
  }
  for (const { path, contents: content, text } of outputFiles) {
    if (path.endsWith(MAP_FILE)) contents.set(MAP_FILE, Buffer.from(withSources(text, places, names)))
    else contents.set(CODE_FILE, content)
  }
  return contents
}

/** The extension makes esbuild treat the module as Node treats it: there is no package.json beside it. */
function placeOf(name: string, { format }: GraphModule): string {
  const extension = format === 'esm' ? '.mjs' : '.cjs'
  return resolve(NOWHERE, format === undefined || name.endsWith(extension) ? name : `${name}${extension}`)
}

function namedModules(graph: ModuleGraph, places: ReadonlyMap<string, string>): Plugin {
  const paths = new Map([...places].map(([path, place]) => [place, path]))
  const to = (path: string): OnResolveResult => ({ path: places.get(path) ?? path })
  return {
    name: 'millrace-names',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /.*/ }, (args): OnResolveResult | undefined => {
        if (args.kind === 'entry-point') return to(graph.entry)
        const found = graph.resolutions.get(resolutionKey(paths.get(args.importer) ?? args.importer, args))
        if (found === undefined) return undefined
        return 'path' in found ? to(found.path) : { path: found.specifier, external: true }
      })
      onLoad({ filter: /.*/, namespace: 'file' }, ({ path }) => {
        const { contents, loader } = graph.modules.get(paths.get(path) ?? path) ?? {}
        return contents === undefined || loader === undefined ? undefined : { contents, loader }
      })
    },
  }
}

/** The source map with the names of the modules as its sources. */
function withSources(text: string, places: ReadonlyMap<string, string>, names: ReadonlyMap<string, string>): string {
  const named = new Map([...places].map(([path, place]) => [place, names.get(path)]))
  const map: { sources: string[] } = JSON.parse(text)
  const sources = map.sources.map((source) => named.get(resolve(NOWHERE, source)) ?? source)
  return JSON.stringify({ ...map, sources })
}
