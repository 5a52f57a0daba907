import { type Env, type OpenFile, RefusedError } from '@millrace/core'
import { writeText } from '../data-directory.ts'
import { systemCode } from '../errors.ts'
import { syncFile, syncNames } from '../sync.ts'
import { checksumFile, copyFile } from './copy-file.ts'
import type { BackupFile } from './manifest.ts'

/** Error codes of file systems that cannot make a hard link to a file there. */
const NOT_LINKABLE = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** The directory that a backup is written to, and what was written. */
export class BackupTarget {
  readonly env: Env
  readonly directory: string
  /** Bytes of files that got a hard link instead of a copy. */
  linkedBytes = 0
  /** Whether the data's files can have hard links here, as far as is known. */
  linkable = true
  readonly #paths: string[] = []

  constructor(env: Env, directory: string) {
    this.env = env
    this.directory = directory
  }

  /** Adds a file of the backup that does not change any more. */
  add(path: string): void {
    this.#paths.push(path)
  }

  /** Makes a hard link to a file that never changes; false if that is not possible. */
  link(path: string, name: string): boolean {
    if (!this.linkable) return false
    const { files } = this.env
    try {
      files.link(path, name)
    } catch (error) {
      if (!NOT_LINKABLE.has(systemCode(error) ?? '')) throw error
      this.linkable = false
      return false
    }
    this.linkedBytes += files.stat(name)?.bytes ?? 0
    return true
  }

  /** Copies a file, or its first `limit` bytes, to a new one, durably. Throws `ENOENT` before anything is created. */
  copy(from: string, to: string, limit?: number): Promise<void> {
    return copyFile(this.env, from, to, limit)
  }

  /** Makes a file that was written here durable. */
  syncFile(file: OpenFile): Promise<void> {
    return syncFile(file)
  }

  /** Makes the names in a directory durable. */
  syncNames(directory: string): Promise<void> {
    return syncNames(this.env.files, directory)
  }

  /** Writes a small file, whole and durable. */
  async write(directory: string, name: string, text: string): Promise<void> {
    await writeText(this.env.files, directory, name, text, 'next')
    this.add(`${directory}/${name}`)
  }

  /** Reads all files that were written. */
  async checksums(): Promise<BackupFile[]> {
    const written: BackupFile[] = []
    for (const path of this.#paths) {
      const { bytes, crc32c } = await checksumFile(this.env, path)
      written.push({ path: path.slice(this.directory.length + 1), bytes, crc32c })
    }
    return written
  }
}

/** Throws `TARGET_NOT_EMPTY`. */
export function refuseFilled({ files }: Env, target: string): void {
  const stat = files.stat(target)
  if (stat === undefined || (stat.directory && files.list(target).length === 0)) return
  throw new RefusedError(
    'TARGET_NOT_EMPTY',
    `Target ${target} is not an empty directory, and nothing is overwritten. Name a directory that does not exist yet`,
    { file: target },
  )
}
