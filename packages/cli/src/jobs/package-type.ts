import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { pathToFileURL } from 'node:url'

/** The "type" in the package.json that applies to a file; undefined without one: then Node decides by the file's syntax. */
export function packageTypeOf(path: string): string | undefined {
  const manifest = findPackageJSON(pathToFileURL(path))
  if (manifest === undefined) return undefined
  try {
    const { type }: { type?: unknown } = JSON.parse(readFileSync(manifest, 'utf8'))
    return typeof type === 'string' ? type : undefined
  } catch {
    // Node reports what is wrong with the package.json when the job is loaded.
    return undefined
  }
}
