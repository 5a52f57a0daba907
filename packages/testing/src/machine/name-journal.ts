import type { DirectoryNode, DiskNode } from './directory-node.ts'
import type { SeededRandom } from './seeded-random.ts'

/** This many changes may wait for a sync; if there are more, the kernel writes the oldest without a sync. */
const UNSYNCED_MAX = 1024

/** What a name in a directory refers to from now on; undefined: nothing. */
export interface NameChange {
  readonly directory: DirectoryNode
  readonly name: string
  readonly node: DiskNode | undefined
}

interface JournalEntry {
  readonly change: number
  /** One name or, for a rename, both; both change or neither. */
  readonly names: readonly NameChange[]
}

/**
 * Names that were made, renamed or removed, and not synced. A power cut may lose any of them, as POSIX allows; of several
 * changes to the same name, it loses the last ones. There is no other order. Above all, a sync of a directory does not make the
 * directory's own name in its parent durable.
 */
export class NameJournal {
  #entries: JournalEntry[] = []

  /** Changes the names as every process sees them. */
  add(change: number, names: readonly NameChange[]): void {
    for (const { directory, name, node } of names) set(directory.names, name, node)
    this.#entries.push({ change, names })
    if (this.#entries.length > UNSYNCED_MAX) this.#apply(this.#entries.splice(0, 1))
  }

  /** Makes the changes in the directory up to this one durable, and the changes that they build on. */
  sync(directory: DirectoryNode, change: number): void {
    const touched = new NameSet()
    const synced = new Set<JournalEntry>()
    for (const entry of this.#entries.toReversed()) {
      if (entry.change > change) continue
      if (!entry.names.some((one) => one.directory === directory) && !touched.hasAny(entry.names)) continue
      touched.addAll(entry.names)
      synced.add(entry)
    }
    this.#apply(this.#entries.filter((entry) => synced.has(entry)))
    this.#entries = this.#entries.filter((entry) => !synced.has(entry))
  }

  /** Keeps a part of what was not synced: all, nothing, or anything between, by `survival` from 0 to 1. */
  powerCut(random: SeededRandom, survival: number): void {
    const lost = new NameSet()
    for (const entry of this.#entries) {
      if (!lost.hasAny(entry.names) && random.chance(survival)) this.#apply([entry])
      else lost.addAll(entry.names)
    }
    this.#entries = []
  }

  /** Removes a name for good, with all its changes that were not synced. */
  wipe(directory: DirectoryNode, name: string): void {
    const names = new NameSet()
    names.addAll([{ directory, name, node: undefined }])
    this.#entries = this.#entries.filter((entry) => !names.hasAny(entry.names))
    directory.names.delete(name)
    directory.durableNames.delete(name)
  }

  #apply(entries: readonly JournalEntry[]): void {
    for (const { names } of entries) {
      for (const { directory, name, node } of names) set(directory.durableNames, name, node)
    }
  }
}

class NameSet {
  readonly #names = new Map<DirectoryNode, Set<string>>()

  addAll(names: readonly NameChange[]): void {
    for (const { directory, name } of names) {
      const known = this.#names.get(directory)
      if (known === undefined) this.#names.set(directory, new Set([name]))
      else known.add(name)
    }
  }

  hasAny(names: readonly NameChange[]): boolean {
    return names.some(({ directory, name }) => this.#names.get(directory)?.has(name) === true)
  }
}

function set(names: Map<string, DiskNode>, name: string, node: DiskNode | undefined): void {
  if (node === undefined) names.delete(name)
  else names.set(name, node)
}
