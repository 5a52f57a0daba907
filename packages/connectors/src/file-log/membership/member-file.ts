import type { FileSystem, OpenFile } from '@millrace/core'
import { readIfThere } from '../if-there.ts'

/** What a living member writes into its file. */
export interface LifeSign {
  /** Grows while the process runs, whatever its code is doing. */
  readonly beats: number
  /** Grows while the thread that runs the tasks also gets to other work: not during a long callback. */
  readonly turns: number
  /** The id of the member's process. */
  readonly process: number
}

/** A file of a process that the group does not name. */
export type UnnamedFile =
  /** The process is about to join, and has no tasks yet. */
  | 'joining'
  /** The process died before it joined. */
  | 'dead'
  /** The process was a member, and may still have tasks: the group's state was lost, or it is leaving. */
  | 'former'

/** The heartbeat's thread writes the beats; the other numbers are written by the thread of the member. */
const TURNS_AT = 8
const PROCESS_AT = 16
const JOINED_AT = 24
const SIGN_BYTES = 32

/** A member's own file, which it keeps locked for its life. */
export class MemberFile {
  readonly #file: OpenFile
  #turns = 0

  private constructor(file: OpenFile) {
    this.#file = file
  }

  /** Makes the file and takes its lock. */
  static make(files: FileSystem, path: string): MemberFile {
    const file = files.open(path, 'create')
    try {
      // No process looks at the lock of a file before a process is named in it.
      if (!file.tryLock()) throw new Error(`Member file ${path} already exists`)
      writeNumber(file, process.pid, PROCESS_AT)
    } catch (error) {
      file.close()
      throw error
    }
    return new MemberFile(file)
  }

  /** How often this process has beaten. */
  get beats(): number {
    return readNumbers(this.#file).beats
  }

  /** Shows that the group names this member, which may have tasks from now on. */
  joined(): void {
    writeNumber(this.#file, 1, JOINED_AT)
  }

  /** Shows that the thread gets to other work than callbacks. */
  turn(): void {
    writeNumber(this.#file, ++this.#turns, TURNS_AT)
  }

  close(): void {
    this.#file.close()
  }
}

/** The last sign of life of the member that has the file; undefined if it is dead. */
export function lifeSignIn(files: FileSystem, path: string): LifeSign | undefined {
  return readIfThere(files, path, (file) => (file.isLocked() ? readNumbers(file) : undefined))
}

/** What a file is that the group does not name. */
export function unnamedFileIn(files: FileSystem, path: string): UnnamedFile {
  const found = readIfThere(files, path, (file): UnnamedFile => {
    const { process, joined } = readNumbers(file)
    if (joined !== 0) return 'former'
    // Its process takes the lock before it names itself: it might not get it now.
    return process === 0 || file.isLocked() ? 'joining' : 'dead'
  })
  return found ?? 'dead'
}

function readNumbers(file: OpenFile): LifeSign & { readonly joined: number } {
  const bytes = Buffer.alloc(SIGN_BYTES)
  file.read(bytes, 0, SIGN_BYTES, 0)
  return {
    beats: bytes.readDoubleBE(0),
    turns: bytes.readDoubleBE(TURNS_AT),
    process: bytes.readDoubleBE(PROCESS_AT),
    joined: bytes.readDoubleBE(JOINED_AT),
  }
}

function writeNumber(file: OpenFile, number: number, at: number): void {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(number)
  file.write(bytes, 0, bytes.length, at)
}
