import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { pathToFileURL } from 'node:url'

/** The "type" in the package.json that counts for a file; undefined if there is none, so that Node goes by the file's syntax. */
export function packageTypeOf(path: string): string | undefined {
  const manifest = findPackageJSON(pathToFileURL(path))
  if (manifest === undefined) return undefined
  try {
    const { type }: { type?: unknown } = JSON.parse(readFileSync(manifest, 'utf8'))
    return typeof type === 'string' ? type : undefined
  } catch {
    // Node says what is wrong with it when the job is loaded.
    return undefined
  }
}
