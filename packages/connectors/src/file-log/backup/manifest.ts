import { type FileSystem, RefusedError } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import { DATA_VERSION, readText } from '../data-directory.ts'
import { messageOf } from '../errors.ts'

export const MANIFEST_FILE = 'backup.json'
const FORMAT = 1

/** A file of a backup, as it was written. */
export interface BackupFile {
  /** Relative to the backup's directory. */
  readonly path: string
  readonly bytes: number
  readonly crc32c: number
}

/** The contents of a backup. Written last: a directory without it is not a whole backup. */
export interface BackupManifest {
  readonly format: number
  /** The version of the data directory. */
  readonly dataVersion: number
  /** Wall-clock time of the cut, ms. */
  readonly createdMs: number
  readonly files: readonly BackupFile[]
}

export function formatManifest(createdMs: number, files: readonly BackupFile[]): string {
  const manifest: BackupManifest = { format: FORMAT, dataVersion: DATA_VERSION, createdMs, files }
  return JSON.stringify({ ...manifest, crc32c: checksumOf(manifest) })
}

/** Throws `BACKUP_INCOMPLETE`, `BACKUP_DAMAGED`, `DATA_VERSION`. */
export function readManifest(files: FileSystem, backup: string): BackupManifest {
  const path = `${backup}/${MANIFEST_FILE}`
  const text = readText(files, path)
  if (text === undefined) {
    throw new RefusedError(
      'BACKUP_INCOMPLETE',
      `Directory ${backup} is not a complete backup: ${MANIFEST_FILE}, which a backup writes last, is missing. Name another ` +
        `backup`,
      { file: path },
    )
  }
  const manifest = parse(path, text)
  const { format, dataVersion } = manifest
  if (format === FORMAT && dataVersion === DATA_VERSION) return manifest
  throw new RefusedError(
    'DATA_VERSION',
    `Backup ${backup} has format ${format} and data of version ${dataVersion}, and this Millrace reads format ${FORMAT} and ` +
      `version ${DATA_VERSION}. Restore it with the Millrace that made it`,
    { file: path },
  )
}

function parse(path: string, text: string): BackupManifest {
  try {
    const { crc32c: checksum, ...manifest } = JSON.parse(text) as BackupManifest & { readonly crc32c: unknown }
    if (checksum !== checksumOf(manifest)) throw new Error('its checksum is wrong')
    return manifest
  } catch (cause) {
    throw backupDamaged(path, messageOf(cause), cause)
  }
}

export function backupDamaged(file: string, what: string, cause?: unknown): RefusedError {
  return new RefusedError(
    'BACKUP_DAMAGED',
    `File ${file} differs from what was backed up: ${what}. Restore another backup`,
    {
      file,
      ...(cause !== undefined && { cause }),
    },
  )
}

function checksumOf(manifest: BackupManifest): string {
  const bytes = Buffer.from(JSON.stringify(manifest))
  return crc32c(bytes, 0, bytes.length).toString(16).padStart(8, '0')
}
