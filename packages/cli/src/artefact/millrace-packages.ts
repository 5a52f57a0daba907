import { readFileSync } from 'node:fs'

/** The packages of Millrace that a job may import, as this command has them. */
const PACKAGES = readPackages()

/** The name of the package of an import; undefined for a path, a URL and a name of `imports`. */
export function packageNameOf(specifier: string): string | undefined {
  return /^(@[^/:]+\/[^/]+|[^@.#/][^/:]*)(?=\/|$)/.exec(specifier)?.[1]
}

/**
 * Whether an import is one of Millrace itself. A job always runs with the Millrace of the command that runs it, so an artefact
 * does not contain it.
 */
export function isOfMillrace(specifier: string): boolean {
  return PACKAGES.has(packageNameOf(specifier) ?? '')
}

function readPackages(): ReadonlySet<string> {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  if (typeof manifest !== 'object' || manifest === null || !('dependencies' in manifest)) return new Set()
  const names = Object.keys(manifest.dependencies ?? {})
  return new Set(['millrace', ...names.filter((name) => name.startsWith('@millrace/'))])
}
