import { dirname } from 'node:path'
import type { Workspace } from './import-rules.ts'
import { filesUnder } from './source-files.ts'

/** The part of a package.json that rules of structure are about. */
export interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly version?: string
  readonly license?: string
  readonly description?: string
  readonly type?: string
  readonly engines?: Readonly<Record<string, string>>
  readonly files?: readonly string[]
  readonly scripts?: Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

export interface ManifestFile {
  readonly folder: string
  readonly manifest: Manifest
}

export function manifests(): ManifestFile[] {
  return filesUnder(['packages', 'jobs', 'bench', 'test'], '/package.json').map(({ path, text }) => ({
    folder: dirname(path),
    manifest: JSON.parse(text),
  }))
}

export function workspaceOf({ folder, manifest }: ManifestFile): Workspace {
  const entryPoints = Object.entries(manifest.exports ?? {}).map(([entryPoint, targets]) => [
    entryPoint,
    targets['millrace-source'] ?? '',
  ])
  return {
    folder,
    name: manifest.name,
    entryPoints: Object.fromEntries(entryPoints),
    dependencies: Object.keys(manifest.dependencies ?? {}),
    devDependencies: Object.keys(manifest.devDependencies ?? {}),
  }
}
