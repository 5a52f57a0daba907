import type { FileSystem } from '@millrace/core'

/** More than the standbys that a task can have, and several processes that were stopped and fenced, one after the other. */
const COPIES_MAX = 8

/** Who opens a copy of a task's state. */
export type CopyUse =
  /** The owner of the task. */
  | 'task'
  /** A standby on a disk that the owner uses too, if the owner may still open the copy that an owner had last. */
  | 'standby beside the task'
  /** A standby on its container's own disk, or one whose owner has another copy. */
  | 'standby'

/**
 * The copies of a task's local state in one state directory: `<task>`, `<task>.2` and so on. Each of them is a cache of the
 * changelog, records its own position, and is locked by the process that has it open; so any process may open any of them.
 * The file `<task>.owner` names the copy that the task's owner had open last: mostly the one that is closest to the end of the
 * changelog. It is a hint: a wrong one costs a longer restore.
 */
export class StateCopies {
  readonly #files: FileSystem
  readonly #directory: string

  /** `directory`: that of the first copy. */
  constructor(files: FileSystem, directory: string) {
    this.#files = files
    this.#directory = directory
  }

  directoryOf(copy: number): string {
    return copy === 1 ? this.#directory : `${this.#directory}.${copy}`
  }

  /** The copies in the order in which to try them. */
  orderFor(use: CopyUse): readonly number[] {
    const last = this.#ownersCopy
    const others = Array.from({ length: COPIES_MAX }, (_, index) => index + 1).filter((copy) => copy !== last)
    // The owner's copy may be unlocked only because the owner has not opened it yet.
    return use === 'standby beside the task' ? others : [last, ...others]
  }

  /** Notes that the task's owner has a copy open, and that the copy is at the end of the changelog. */
  noteOwner(copy: number): void {
    try {
      if (this.#ownersCopy === copy) return
      const file = this.#files.open(this.#hint, 'write')
      try {
        const text = Buffer.from(String(copy))
        file.write(text, 0, text.length, 0)
      } finally {
        file.close()
      }
    } catch {
      // A full disk, or one that fails: the next owner may begin with an older copy.
    }
  }

  get #hint(): string {
    return `${this.#directory}.owner`
  }

  get #ownersCopy(): number {
    let text = ''
    try {
      if (this.#files.stat(this.#hint) !== undefined) {
        const file = this.#files.open(this.#hint, 'read')
        try {
          const bytes = Buffer.alloc(1)
          text = bytes.toString('latin1', 0, file.read(bytes, 0, 1, 0))
        } finally {
          file.close()
        }
      }
    } catch {
      // As if there were none.
    }
    const copy = Number.parseInt(text, 10)
    return copy >= 1 && copy <= COPIES_MAX ? copy : 1
  }
}
