import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { manifests } from '../structure/workspaces.ts'
import { type Exports, packedProblems } from './packed-files.ts'
import { run } from './run.ts'

export const repository = fileURLToPath(new URL('../../../', import.meta.url))

/** A package as it would be published. */
export interface PackedPackage {
  readonly name: string
  readonly archive: string
  /** The entry points that a program may import. */
  readonly entryPoints: readonly string[]
}

/**
 * Packs every package that is not private into a folder. Throws if a package contains a file that it should not, or lacks one.
 */
export function packAll(folder: string): PackedPackage[] {
  return manifests()
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ folder: place, manifest }) => ({
      name: manifest.name,
      archive: pack(place, folder, manifest.exports ?? {}),
      entryPoints: Object.keys(manifest.exports ?? {}).map((path) => manifest.name + path.slice(1)),
    }))
}

function pack(place: string, folder: string, exports: Exports): string {
  const output = run('npm', ['pack', '--json', '--silent', `--pack-destination=${folder}`], {
    cwd: join(repository, place),
  })
  const [packed] = parsePacked(output)
  if (packed === undefined) throw new Error(`npm pack said nothing about ${place}`)
  const problems = packedProblems(
    packed.files.map(({ path }) => path),
    exports,
  )
  if (problems.length > 0) throw new Error(`${place} would be published wrongly: ${problems.join('; ')}`)
  console.log(`${place}: ${packed.files.length} files, ${Math.ceil(packed.size / 1024)} kB`)
  return join(folder, packed.filename)
}

interface Packed {
  readonly filename: string
  readonly size: number
  readonly files: readonly { readonly path: string }[]
}

/** npm prints the archives as a list up to version 11 and by package name from 12 on, after what `prepack` printed. */
function parsePacked(output: string): Packed[] {
  return Object.values(JSON.parse(output.slice(output.search(/^[[{]/m))))
}
