import type { FileSystem, OpenFile } from '@millrace/core'
import { systemCode } from './errors.ts'

/** The result of `look`; undefined if what it looks for is missing. Another process may remove a file at any moment. */
export function ifThere<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Opens a file to read it; undefined if it is missing. */
export function openIfThere(files: FileSystem, path: string): OpenFile | undefined {
  return ifThere(() => files.open(path, 'read'))
}

/** The result of `read` for a file that is open meanwhile; undefined if the file is missing. */
export function readIfThere<T>(files: FileSystem, path: string, read: (file: OpenFile) => T): T | undefined {
  const file = openIfThere(files, path)
  if (file === undefined) return undefined
  try {
    return read(file)
  } finally {
    file.close()
  }
}
