import { type FileSystem, type Position, RefusedError } from '@millrace/core'
import { readChecked, writeChecked } from './checked-file.ts'

export const MANIFEST_FILE = 'savepoint.json'
const FORMAT = 1

/** What is known of a savepoint. It is written last: a directory without it is not a savepoint. */
export interface SavepointManifest {
  readonly job: string
  readonly createdMs: number
  readonly position: Position
  /** The job's own topics that are in it. */
  readonly topics: readonly string[]
}

/** Writes the manifest, durably. */
export function writeManifest(files: FileSystem, directory: string, manifest: SavepointManifest): Promise<void> {
  return writeChecked(files, `${directory}/${MANIFEST_FILE}`, { format: FORMAT, ...manifest })
}

/** Throws `SAVEPOINT_DAMAGED`, and `DATA_VERSION` for a savepoint of another version of Millrace. */
export function readManifest(files: FileSystem, directory: string): SavepointManifest {
  const path = `${directory}/${MANIFEST_FILE}`
  const { format, ...manifest } = readChecked(files, path) as SavepointManifest & { readonly format: number }
  if (format === FORMAT) return manifest
  throw new RefusedError(
    'DATA_VERSION',
    `Savepoint ${directory} has format ${format}, and this Millrace reads format ${FORMAT}. Use the Millrace that made it`,
    { file: path },
  )
}
