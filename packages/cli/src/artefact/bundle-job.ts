import { realpathSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { dirname, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Artefact, makeArtefact } from '@millrace/runtime'
import { readJob } from '../jobs/job-file.ts'
import type { LoadingOptions } from '../jobs/watch-loading.ts'
import { VERSION } from '../version.ts'
import { findModules } from './module-graph.ts'
import { writeBundle } from './write-bundle.ts'

export interface BundleOptions extends LoadingOptions {
  /** Whether the types are checked first. Default true. */
  readonly check?: boolean
}

/**
 * Bundles a job file, with all that it imports, into an artefact. The file is loaded first, as `run` does it, with the same
 * errors. The same sources give the same bytes in every directory. Throws `FILE_MISSING`, `JOB_FILE_BROKEN`,
 * `JOB_BUNDLE_FAILED`, `ARTEFACT_TOO_LARGE`, and the reason of `stop` when that is aborted.
 */
export async function bundleJob(path: string, { check = true, ...loading }: BundleOptions = {}): Promise<Artefact> {
  const job = await readJob(path, check, loading)
  const entry = realpathSync(path)
  const base = dirname(findPackageJSON(pathToFileURL(entry)) ?? entry)
  const graph = await findModules(entry, base)
  const contents = await writeBundle(graph)
  const source = relative(base, entry).replaceAll('\\', '/')
  return makeArtefact(job, { millrace: VERSION, source, externals: graph.externals, contents })
}
