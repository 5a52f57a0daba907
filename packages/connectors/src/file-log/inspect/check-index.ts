import type { FileSystem } from '@millrace/core'
import { openIfThere } from '../if-there.ts'
import { ENTRY_BYTES, type IndexEntry, readIndexEntry } from '../partition/segment-index.ts'
import { indexPath } from '../paths.ts'
import type { PartitionProblem } from './problem.ts'
import type { WalkedBatch, WalkedDamage } from './walk-segment.ts'

/**
 * Compares a segment's index with the batches of a walk through the segment. Every error of an index is harmless: look-ups
 * verify.
 */
export class IndexCheck {
  readonly #path: string
  /** Entries that no batch has confirmed yet, by the position in them, and where the entries themselves are. */
  readonly #open = new Map<number, { readonly entry: IndexEntry; readonly at: number }>()
  readonly #problems: PartitionProblem[] = []

  constructor(files: FileSystem, directory: string, base: number) {
    this.#path = indexPath(directory, base)
    const file = openIfThere(files, this.#path)
    if (file === undefined) return
    try {
      const bytes = Buffer.alloc(file.size())
      const held = file.read(bytes, 0, bytes.length, 0)
      // A shorter rest is an entry that is being written, or a torn one that the next entry overwrites.
      for (let at = 0; at + ENTRY_BYTES <= held; at += ENTRY_BYTES) {
        const entry = readIndexEntry(bytes, at)
        if (entry === undefined) this.#report(at, 'the checksum of the entry there is wrong')
        else this.#open.set(entry.position, { entry, at })
      }
    } finally {
      file.close()
    }
  }

  note(walked: WalkedBatch | WalkedDamage): void {
    const { position } = walked
    const named = this.#open.get(position)
    this.#open.delete(position)
    if (walked.kind === 'batch') {
      if (named !== undefined && named.entry.offset !== walked.baseOffset) this.#reportEntry(named.at, named.entry)
      return
    }
    for (const inside of this.#open.keys()) if (inside > position && inside < walked.end) this.#open.delete(inside)
  }

  /** The problems, once the walk has come to `limit`. */
  problems(limit: number): readonly PartitionProblem[] {
    for (const { entry, at } of this.#open.values()) if (entry.position < limit) this.#reportEntry(at, entry)
    return this.#problems
  }

  #reportEntry(at: number, { offset, position }: IndexEntry): void {
    this.#report(at, `the entry states that offset ${offset} is at byte ${position}, and it is not there`)
  }

  #report(at: number, what: string): void {
    this.#problems.push({
      severity: 'harmless',
      file: this.#path,
      position: at,
      end: at + ENTRY_BYTES,
      what: `${what}; look-ups skip it`,
      fix: { kind: 'none' },
    })
  }
}
