import type { FileSystem, OpenFile } from '@millrace/core'
import { diskFailed } from '../errors.ts'
import { ownerPath } from '../paths.ts'

/** The lock that a journal's owner holds for its life: a process that gets it knows that the owner is dead. */
export class OwnerLock {
  readonly name: string
  readonly #files: FileSystem
  readonly #file: OpenFile

  private constructor(files: FileSystem, name: string, file: OpenFile) {
    this.name = name
    this.#files = files
    this.#file = file
  }

  /** Makes and takes a lock; no other lock has this `name`. */
  static take(files: FileSystem, data: string, name: string): OwnerLock {
    const file = files.open(ownerPath(data, name), 'create')
    if (file.tryLock()) return new OwnerLock(files, name, file)
    file.close()
    throw new Error(`The owner's lock ${name} is taken`)
  }

  /** Whether the owner lives. A lock that is missing has no owner. */
  static isHeld(files: FileSystem, data: string, name: string): boolean {
    const path = ownerPath(data, name)
    if (files.stat(path) === undefined) return false
    const file = files.open(path, 'read')
    try {
      return file.isLocked()
    } finally {
      file.close()
    }
  }

  /** Removes the file with the lock. */
  release(): void {
    try {
      this.#files.remove(this.#file.path)
    } catch (error) {
      throw diskFailed(this.#file.path, error)
    } finally {
      this.#file.close()
    }
  }
}
