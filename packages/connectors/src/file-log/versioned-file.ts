import type { FileSystem } from '@millrace/core'
import { readText, writeDurably } from './data-directory.ts'
import { systemCode } from './errors.ts'

/**
 * So many versions are kept. A process that publishes a version after so many newer ones cannot know whether its number was
 * free because it was the next one, or because that version is removed again: it starts from the newest one in both cases.
 */
const VERSIONS_KEPT = 16

/** What a file contained at one moment. */
export interface Version {
  /** 0 before the first version. */
  readonly number: number
  /** Undefined before the first version. */
  readonly text: string | undefined
}

/**
 * A small file that several processes change without a lock: so a process that is stopped at any instruction blocks no other
 * one. Every version is a file that never changes, `<name>.<number>.json`; the highest number counts. A process publishes a version
 * with `link(2)`, which only one process can do for each number. The others read that version, and make their change to it.
 */
export class VersionedFile {
  readonly #files: FileSystem
  readonly #directory: string
  readonly #name: string

  constructor(files: FileSystem, directory: string, name: string) {
    this.#files = files
    this.#directory = directory
    this.#name = name
  }

  /** The newest version. */
  read(): Version {
    for (;;) {
      const number = this.#numbers().at(-1) ?? 0
      const text = number === 0 ? undefined : readText(this.#files, this.#pathOf(number))
      // Otherwise newer ones were published, and this one was removed, between the two looks.
      if (number === 0 || text !== undefined) return { number, text }
    }
  }

  /**
   * Makes a text the version after `before`, durably. Returns false if another process was first, and, after a long stop, if
   * it is not known whether it was: the caller must then make its change to the newest version, which may have it already.
   * `unique` makes the name of a temporary file differ from those of other processes.
   */
  async publish(before: number, text: string, unique: string): Promise<boolean> {
    const files = this.#files
    const number = before + 1
    if ((this.#numbers().at(-1) ?? 0) !== before) return false
    const temporary = this.#temporary(unique)
    await writeDurably(files, temporary, Buffer.from(text))
    try {
      files.link(temporary, this.#pathOf(number))
    } catch (error) {
      const code = systemCode(error)
      // The second code: the temporary file was abandoned.
      if (code === 'EEXIST' || code === 'ENOENT') return false
      throw error
    } finally {
      files.remove(temporary)
    }
    // The highest number never goes back, and no version is removed before there are so many newer ones.
    const isKnown = (this.#numbers().at(-1) ?? 0) < number + VERSIONS_KEPT
    await files.syncDirectory(this.#directory)
    if (isKnown) this.#removeBefore(number - VERSIONS_KEPT)
    return isKnown
  }

  /** Removes what a process may have left that died, or counts as dead, in `publish`. */
  abandon(unique: string): void {
    this.#files.remove(this.#temporary(unique))
  }

  #temporary(unique: string): string {
    return `${this.#directory}/.${this.#name}-${unique}`
  }

  #removeBefore(end: number): void {
    for (const number of this.#numbers()) if (number <= end) this.#files.remove(this.#pathOf(number))
  }

  /** Ascending. */
  #numbers(): number[] {
    const start = `${this.#name}.`
    return this.#files
      .list(this.#directory)
      .flatMap((name) => (name.startsWith(start) ? (/^(\d+)\.json$/.exec(name.slice(start.length))?.[1] ?? []) : []))
      .map(Number)
      .sort((a, b) => a - b)
  }

  #pathOf(number: number): string {
    return `${this.#directory}/${versionName(this.#name, number)}`
  }
}

/** The name of one version of a file. */
export function versionName(name: string, number: number): string {
  return `${name}.${number}.json`
}
