import type { FileSystem, OpenFile } from '@millrace/core'
import { syncFailed } from './errors.ts'

/** Makes a file's bytes survive a power cut. Throws `LOG_SYNC_FAILED`; after that, another sync of them proves nothing. */
export async function syncFile(file: OpenFile): Promise<void> {
  try {
    await file.sync()
  } catch (error) {
    throw syncFailed(file.path, error)
  }
}

/** Makes the names in a directory survive a power cut. Throws `LOG_SYNC_FAILED`. */
export async function syncNames(files: FileSystem, directory: string): Promise<void> {
  try {
    await files.syncDirectory(directory)
  } catch (error) {
    throw syncFailed(directory, error)
  }
}
