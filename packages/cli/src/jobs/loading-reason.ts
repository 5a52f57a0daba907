import { statSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { basename, dirname, join, relative, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { placeOf } from '../place-of-error.ts'
import { ERASABLE_HINT } from './type-errors.ts'

/** Why a job file cannot be loaded, and how to fix it. */
export function loadingReason(path: string, cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  if (cause instanceof SyntaxError && /^Cannot use import statement|^Unexpected token 'export'/.test(cause.message)) {
    return commonJs(path)
  }
  const code = 'code' in cause ? cause.code : undefined
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_UNSUPPORTED_DIR_IMPORT') return missingModule(cause)
  return `${cause.name}: ${cause.message}${placeOf(cause)}${hintFor(cause.message, code)}`
}

function hintFor(message: string, code: unknown): string {
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') return `. ${ERASABLE_HINT}`
  const name = /does not provide an export named '(.+)'/.exec(message)?.[1]
  if (name === undefined || name === 'default') return ''
  return `. If ${name} is a type, import it with "import type": Node removes only such imports`
}

/**
 * Node's error about an import that it cannot resolve. The error has a URL if the import is a file, and none if it is a
 * package.
 */
function missingModule(cause: Error & { readonly url?: unknown }): string {
  const [line = ''] = cause.message.split('\n')
  if (typeof cause.url !== 'string' || !cause.url.startsWith('file:')) {
    return `${line}. Install it in the project of the job file`
  }
  const found = meantFile(fileURLToPath(cause.url))
  if (found === undefined) return `${line}. Check the path`
  const importer = / imported from (.+)$/.exec(line)?.[1]
  const path = importer === undefined ? found : relative(dirname(importer), found).replaceAll(sep, '/')
  return `${line}. Write '${path.startsWith('.') ? path : `./${path}`}'. Node needs the exact name of a file`
}

/** The TypeScript file that an import means if it names the file without its extension, a built file, or a folder. */
function meantFile(path: string): string | undefined {
  const built = path.replace(/\.([cm]?)js$/, '.$1ts')
  const candidates = [
    built,
    `${path}.ts`,
    `${path}.mts`,
    `${path}.cts`,
    join(path, 'index.ts'),
    join(path, 'index.mts'),
  ]
  return candidates.find((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
}

/** How to fix a job that Node treats as CommonJS, because of its name or because of a package.json as `npm init` makes it. */
function commonJs(path: string): string {
  const file = basename(path)
  if (/\.c[jt]s$/.test(file)) {
    return `a job is an ES module, and the file's name makes it CommonJS. Name it ${file.replace(/c(?=[jt]s$)/, 'm')}`
  }
  const manifest = findPackageJSON(pathToFileURL(path)) ?? 'its package.json'
  const name = file.replace(/\.([jt]s)$/, '.m$1')
  return (
    `a job is an ES module, and "type": "commonjs" in ${manifest} makes the file CommonJS. Set "type": "module" there ` +
    `(npm pkg set type=module), or name the file ${name}`
  )
}
