import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { basename, extname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Loader, transform } from 'esbuild'
import { LIKE_NODE } from './like-node.ts'

/** What is wrong with a module for a bundle. */
export interface ModuleProblem {
  /** Counted from 1; 0 if it is about the whole file. */
  readonly line: number
  readonly text: string
}

/** A module as the bundle takes it. */
export interface SourceModule {
  readonly contents: Uint8Array | string
  readonly loader: Loader
  /** The data files beside it that it names, by their names in the artefact. */
  readonly dataFiles: ReadonlyMap<string, Uint8Array>
  readonly problem?: ModuleProblem
}

const LOADERS: Readonly<Record<string, Loader>> = {
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.json': 'json',
}

/** A text without these does not read the place of its module. */
const PLACE = /\bimport\s*\.\s*meta\b|\b__dirname\b|\b__filename\b/

/** What the reads of a module's place become, so that they can be found without the strings and comments that look like one. */
const URL_READ = '__millrace_module_url'
const PLACE_READ = '__millrace_module_place'
const META_READ = '__millrace_module_meta'
const PLACE_READS: Readonly<Record<string, string>> = {
  'import.meta': META_READ,
  'import.meta.url': URL_READ,
  'import.meta.dirname': PLACE_READ,
  'import.meta.filename': PLACE_READ,
  'import.meta.resolve': PLACE_READ,
  __dirname: PLACE_READ,
  __filename: PLACE_READ,
}
/** Reads of `import.meta` that mean the same in an artefact as in a file that is imported: they have nothing to do with its place. */
const PLACELESS_READ = new RegExp(`\\b${META_READ}\\.(main|env)\\b`, 'g')
const ANY_READ = new RegExp(`\\b(${URL_READ}|${PLACE_READ}|${META_READ})\\b`)
const DATA_FILE = new RegExp(`new URL\\((["\`])([^"\`\\\\$]*)\\1, ${URL_READ}\\)`, 'g')

const DATA_FILE_HINT = "For a data file that exists beside it, write new URL('./file.csv', import.meta.url)"

/**
 * Reads a module for a bundle. If it is the user's code (`own`), each `new URL('./file', import.meta.url)` becomes the URL of a copy
 * in the artefact. Any other read of the place of the module is a problem: the artefact is in another place.
 */
export async function readModule(path: string, own: boolean): Promise<SourceModule> {
  const extension = extname(path)
  const loader = LOADERS[extension]
  const nothing = { contents: '', loader: 'empty', dataFiles: new Map() } as const
  if (loader === undefined) {
    const what = extension === '.node' ? 'Native code' : `A file with the extension "${extension}"`
    return { ...nothing, problem: { line: 0, text: `${what} cannot be part of a bundle` } }
  }
  const contents = readFileSync(path)
  const plain = { contents, loader, dataFiles: new Map() }
  if (loader === 'json' || !PLACE.test(contents.toString())) return plain
  let code: string
  try {
    code = await markedReads(path, contents, loader)
  } catch {
    // The bundle reports the error of syntax.
    return plain
  }
  const dataFiles = new Map<string, Uint8Array>()
  const replaced = own ? code.replace(DATA_FILE, (text, _, url: string) => copied(path, url, dataFiles) ?? text) : code
  const whole = replaced.replace(PLACELESS_READ, 'import.meta.$1')
  const problem = firstRead(whole, code, own)
  return { contents: whole, loader: 'js', dataFiles, ...(problem !== undefined && { problem }) }
}

/** The module as JavaScript, with its reads of its place marked, and its source map at its end. */
async function markedReads(path: string, contents: Uint8Array, loader: Loader): Promise<string> {
  const { code } = await transform(contents, {
    ...LIKE_NODE,
    loader,
    define: PLACE_READS,
    sourcefile: basename(path),
    sourcemap: 'inline',
  })
  return code
}

/** The expression of a data file's URL in the artefact; undefined if it is not a file that can be copied. */
function copied(path: string, text: string, files: Map<string, Uint8Array>): string | undefined {
  const url = URL.parse(text, pathToFileURL(path).href)
  if (url === null) return undefined
  if (url.protocol !== 'file:') return `new URL(${JSON.stringify(text)}, import.meta.url)`
  const file = fileURLToPath(url)
  const extension = extname(file)
  const isCode = extension !== '.json' && (extension in LOADERS || extension === '.node')
  if (isCode || statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined
  const content = readFileSync(file)
  const suffix = /^\.[A-Za-z0-9]{1,16}$/.test(extension) ? extension : ''
  const name = `${createHash('sha256').update(content).digest('hex')}${suffix}`
  files.set(name, content)
  return `new URL("./${name}", import.meta.url)`
}

function firstRead(whole: string, marked: string, own: boolean): ModuleProblem | undefined {
  const lines = whole.split('\n')
  const index = lines.findIndex((line) => ANY_READ.test(line))
  const read = ANY_READ.exec(lines[index] ?? '')
  if (read === null) return undefined
  const text = 'The code reads its own place, which is another one in an artefact'
  return { line: lineInSource(marked, index, read.index), text: own ? `${text}. ${DATA_FILE_HINT}` : text }
}

function lineInSource(marked: string, line: number, column: number): number {
  const payload = /^\/\/# sourceMappingURL=data:application\/json;base64,(.+)$/m.exec(marked)?.[1] ?? ''
  const entry = new SourceMap(JSON.parse(Buffer.from(payload, 'base64').toString())).findEntry(line, column)
  return 'originalLine' in entry ? entry.originalLine + 1 : 0
}
