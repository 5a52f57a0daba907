import { statSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { isJob, type Job, MillraceError, RefusedError } from '@millrace/core'
import { checkTypes } from './check-types.ts'
import { loadingReason } from './loading-reason.ts'
import { brokenJobFile, type LoadingOptions, watchLoading } from './watch-loading.ts'

/**
 * Reads a job from a module's default export. A type check runs while the module is loaded, and its errors come first.
 * Throws `FILE_MISSING`, `JOB_FILE_BROKEN` with what is wrong with the file, and the reason of `stop` when that is aborted.
 */
export async function readJob(path: string, check: boolean, options: LoadingOptions = {}): Promise<Job> {
  requireFile(path)
  const watch = watchLoading(path, options)
  try {
    const checking = check && /\.[cm]?ts$/.test(path) ? checkTypes(path, options.stop) : undefined
    // Building a job does no I/O, so it may run while its types are checked. Type errors are reported first.
    const loading = importJob(path)
    loading.then(watch.loaded, watch.loaded)
    await Promise.race([checking, watch.cut])
    return await Promise.race([loading, watch.cut])
  } finally {
    watch.end()
  }
}

function requireFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) {
    throw new RefusedError('FILE_MISSING', `Job file ${path} does not exist. Check the path`, { file: path })
  }
  if (found.isDirectory()) throw brokenJobFile(path, 'is a directory. Give the path of a job file')
}

async function importJob(path: string): Promise<Job> {
  let module: object
  try {
    module = await import(pathToFileURL(path).href)
  } catch (cause) {
    // A job that cannot be built reports that itself.
    if (cause instanceof MillraceError) throw cause
    throw brokenJobFile(path, `cannot be loaded: ${loadingReason(path, cause)}`, cause)
  }
  if (!('default' in module)) throw brokenJobFile(path, 'has no default export. End it with "export default job(…)"')
  if (isJob(module.default)) return module.default
  const found = module.default === null ? 'null' : typeof module.default
  throw brokenJobFile(path, `has a default export that is not a job (${found}). End it with "export default job(…)"`)
}
