import { readFileSync } from 'node:fs'
import module, { createRequire, findPackageJSON, isBuiltin, registerHooks } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Job, RefusedError } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { CODE_FILE, type ExternalPackage, readArtefact } from '@millrace/runtime'
import { readJob } from '../jobs/job-file.ts'
import type { LoadingOptions } from '../jobs/watch-loading.ts'
import { isOfMillrace } from './millrace-packages.ts'

/**
 * Loads the job of an artefact into this process, with the Millrace of this command. Every byte is checked first. From then on,
 * stack traces of this process name the lines of the sources. Throws `ARTEFACT_MISSING`, `ARTEFACT_DAMAGED`,
 * `ARTEFACT_VERSION`, `PACKAGE_MISSING`, `JOB_FILE_BROKEN`, and the reason of `stop` when that is aborted.
 */
export async function importArtefact(directory: string, options: LoadingOptions = {}): Promise<Job> {
  const path = resolve(directory)
  const { manifest } = readArtefact(nodeEnv().files, path)
  for (const external of manifest.externals) requirePackage(manifest.job, external)
  module.setSourceMapsSupport(true, { nodeModules: false, generatedCode: false })
  const code = join(path, CODE_FILE)
  resolveImportsOf(code, manifest.externals)
  return readJob(code, false, options)
}

/** Also later: a job may import something while it runs. */
function resolveImportsOf(module: string, externals: readonly ExternalPackage[]): void {
  const url = pathToFileURL(module).href
  registerHooks({
    resolve(specifier, context, next) {
      if (context.parentURL !== url || isBuiltin(specifier) || specifier.startsWith('data:'))
        return next(specifier, context)
      const found = (name: string, importer: string) => {
        if (!context.conditions.includes('require')) return next(name, { ...context, parentURL: importer })
        // For `require`, Node ignores the URL of the parent that it gets here.
        const path = createRequire(importer).resolve(name)
        return { url: pathToFileURL(path).href, shortCircuit: true }
      }
      if (isOfMillrace(specifier)) return found(specifier, import.meta.url)
      const external = externals.find(({ name, version }) => isIn(`${name}@${version}`, specifier))
      if (external !== undefined) {
        const { name, version } = external
        const inPackage = specifier.slice(`${name}@${version}`.length)
        return found(`${name}${inPackage}`, importerOf(external))
      }
      // What a module tries to import although it is not installed. It must not find a package near the data directory.
      const code = context.conditions.includes('require') ? 'MODULE_NOT_FOUND' : 'ERR_MODULE_NOT_FOUND'
      throw Object.assign(new Error(`Cannot find package '${specifier}' in the artefact of the job`), { code })
    },
  })
}

function isIn(name: string, specifier: string): boolean {
  return specifier === name || specifier.startsWith(`${name}/`)
}

/** A file that would find the package. It does not exist. */
function importerOf({ from: directory }: ExternalPackage): string {
  return pathToFileURL(join(directory, CODE_FILE)).href
}

function requirePackage(job: string, external: ExternalPackage): void {
  const { name, version, from: directory } = external
  const found = versionOf(external)
  if (found === version) return
  const what = found === undefined ? 'it is not installed' : `version ${found} is installed`
  throw new RefusedError(
    'PACKAGE_MISSING',
    `The artefact of job ${job} needs ${name} ${version} from ${directory}, and ${what} there. Install that version there, or deploy ` +
      'the job again',
    { job, file: directory },
  )
}

function versionOf(external: ExternalPackage): string | undefined {
  try {
    const path = findPackageJSON(external.name, importerOf(external))
    if (path === undefined) return undefined
    const { version }: { version?: unknown } = JSON.parse(readFileSync(path, 'utf8'))
    return typeof version === 'string' ? version : 'unknown'
  } catch {
    return undefined
  }
}
