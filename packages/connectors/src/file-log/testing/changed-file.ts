import type { OpenFile } from '@millrace/core'

/** A file that does what `file` does, except for what `changes` has. */
export function changedFile(file: OpenFile, changes: Partial<OpenFile>): OpenFile {
  return {
    path: file.path,
    read: (...args) => file.read(...args),
    write: (...args) => file.write(...args),
    truncate: (bytes) => file.truncate(bytes),
    size: () => file.size(),
    sync: () => file.sync(),
    tryLock: () => file.tryLock(),
    isLocked: () => file.isLocked(),
    lock: () => file.lock(),
    unlock: () => file.unlock(),
    close: () => file.close(),
    ...changes,
  }
}
