import { type FileSystem, type Position, RefusedError } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'

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
export async function writeManifest(files: FileSystem, directory: string, manifest: SavepointManifest): Promise<void> {
  const text = JSON.stringify({ format: FORMAT, ...manifest })
  const bytes = Buffer.from(`${text}\n${checksumOf(text)}\n`)
  const file = files.open(`${directory}/${MANIFEST_FILE}`, 'create')
  try {
    file.write(bytes, 0, bytes.length, 0)
    await file.sync()
  } finally {
    file.close()
  }
}

/** Throws `SAVEPOINT_DAMAGED`, and `DATA_VERSION` for a savepoint of another version of Millrace. */
export function readManifest(files: FileSystem, directory: string): SavepointManifest {
  const path = `${directory}/${MANIFEST_FILE}`
  const [text = '', checksum] = readText(files, path).split('\n')
  if (checksum !== checksumOf(text)) {
    throw new RefusedError(
      'SAVEPOINT_DAMAGED',
      `File ${path}, which describes a savepoint, is missing or damaged. Use another savepoint, and delete this one`,
      { file: path },
    )
  }
  const { format, ...manifest }: SavepointManifest & { readonly format: number } = JSON.parse(text)
  if (format === FORMAT) return manifest
  throw new RefusedError(
    'DATA_VERSION',
    `Savepoint ${directory} has format ${format}, and this Millrace reads format ${FORMAT}. Use the Millrace that made it`,
    { file: path },
  )
}

function readText(files: FileSystem, path: string): string {
  if (files.stat(path) === undefined) return ''
  const file = files.open(path, 'read')
  try {
    const bytes = Buffer.alloc(file.size())
    return bytes.toString('utf8', 0, file.read(bytes, 0, bytes.length, 0))
  } finally {
    file.close()
  }
}

function checksumOf(text: string): string {
  const bytes = Buffer.from(text)
  return crc32c(bytes, 0, bytes.length).toString(16).padStart(8, '0')
}
