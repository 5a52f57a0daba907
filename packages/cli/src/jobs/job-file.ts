import { existsSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { basename } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isJob, type Job, MillraceError, RefusedError } from '@millrace/core'
import { checkTypes } from './check-types.ts'

/**
 * Reads a job from a module's default export, after the type check that runs beside the loading. Throws `FILE_MISSING`,
 * and `JOB_FILE_BROKEN` with what is wrong with the file.
 */
export async function readJob(path: string, check: boolean): Promise<Job> {
  if (!existsSync(path)) {
    throw new RefusedError('FILE_MISSING', `There is no job file ${path}. Check the path`, { file: path })
  }
  const checking = check && /\.[cm]?ts$/.test(path) ? checkTypes(path) : Promise.resolve()
  // Building a job does no I/O, so it may go on while its types are checked; what is wrong with those is told first.
  const [checked, loaded] = await Promise.allSettled([checking, importJob(path)])
  if (checked.status === 'rejected') throw checked.reason
  if (loaded.status === 'rejected') throw loaded.reason
  return loaded.value
}

async function importJob(path: string): Promise<Job> {
  let module: object
  try {
    module = await settled(path, import(pathToFileURL(path).href))
  } catch (cause) {
    // A job that cannot be built says so itself.
    if (cause instanceof MillraceError) throw cause
    throw broken(path, `cannot be loaded: ${loadingReason(path, cause)}`, cause)
  }
  if (!('default' in module)) throw broken(path, 'has no default export. End it with "export default job(…)"')
  if (isJob(module.default)) return module.default
  const found = module.default === null ? 'null' : typeof module.default
  throw broken(path, `exports something else than a job by default (${found}). End it with "export default job(…)"`)
}

/** What `loading` comes to. Node ends a process without a word if nothing can settle the promise any more: this rejects then. */
async function settled(path: string, loading: Promise<object>): Promise<object> {
  const stuck = Promise.withResolvers<never>()
  const report = () => stuck.reject(broken(path, 'never finishes loading: it awaits something that does not come'))
  process.once('beforeExit', report)
  try {
    return await Promise.race([loading, stuck.promise])
  } finally {
    process.off('beforeExit', report)
  }
}

function broken(path: string, what: string, cause?: unknown): RefusedError {
  return new RefusedError('JOB_FILE_BROKEN', `${path} ${what}`, { file: path, cause })
}

function loadingReason(path: string, cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  if (cause instanceof SyntaxError && /^Cannot use import statement|^Unexpected token 'export'/.test(cause.message)) {
    return commonJs(path)
  }
  if ('code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND') {
    return `${cause.message.split('\n')[0]}. Is it installed where the job file is?`
  }
  return `${cause.name}: ${cause.message}${placeOf(cause)}`
}

/** The first place in the stack that is a file of the user's. */
function placeOf(error: Error): string {
  const line = error.stack?.split('\n').find((text) => text.includes('file://') && !text.includes('node_modules'))
  const place = line === undefined ? undefined : /file:\/\/[^\s)]+/.exec(line)?.[0]
  return place === undefined ? '' : ` (at ${place.replace('file://', '')})`
}

/** What to do about a job in a package of CommonJS, as `npm init` makes one. */
function commonJs(path: string): string {
  const manifest = findPackageJSON(pathToFileURL(path)) ?? 'its package.json'
  const name = basename(path).replace(/\.([jt]s)$/, '.m$1')
  return (
    `it is a module, and ${manifest} has "type": "commonjs", so that Node reads it as none. Set "type": "module" there ` +
    `(npm pkg set type=module), or name the file ${name}`
  )
}
