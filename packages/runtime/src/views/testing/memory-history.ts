import type { StatePosition, StoreChange } from '@millrace/core/internal'
import type { HistoryBatch, HistoryReader, PartHistory } from '../served-view.ts'

/** How many bytes each record has. */
export const RECORD_BYTES = 100

interface Commit {
  readonly baseOffset: number
  readonly nextOffset: number
  readonly checksum: number
  readonly changes: readonly StoreChange[]
}

/** A history in memory: each commit is a batch, with a record for each change and one for its checkpoint. */
export class MemoryHistory implements PartHistory {
  identity = 'id'
  point: StatePosition = { nextOffset: 0, checksum: null }
  /** How many records were read. */
  read = 0
  #undecided = false
  #wake = new Set<() => void>()
  #commits: Commit[] = []

  commit(changes: readonly StoreChange[]): void {
    const { nextOffset: baseOffset } = this.point
    const nextOffset = baseOffset + changes.length + 1
    const checksum = nextOffset * 7 + changes.length
    this.#commits.push({ baseOffset, nextOffset, checksum, changes })
    this.point = { nextOffset, checksum }
  }

  /** Readers find nothing until `decide`, as behind a transaction that is not decided. */
  holdBack(): void {
    this.#undecided = true
  }

  decide(): void {
    this.#undecided = false
    for (const wake of this.#wake) wake()
  }

  /** Lets a commit lose its first change, as compaction does. */
  compact(number: number): void {
    const commit = this.#commits[number]
    if (commit === undefined) throw new Error('no commit')
    this.#commits[number] = { ...commit, checksum: commit.checksum + 1, changes: commit.changes.slice(1) }
  }

  async open(offset: number): Promise<HistoryReader> {
    let position = offset
    return {
      get position() {
        return position
      },
      seek: (to) => {
        position = to
      },
      poll: () => {
        const commit = this.#commits.find(({ nextOffset }) => nextOffset > position)
        if (commit === undefined || this.#undecided) return undefined
        const from = position
        position = commit.nextOffset
        return this.#batch(commit, from)
      },
      wait: (_, signal) =>
        new Promise((resolve) => {
          this.#wake.add(resolve)
          signal.addEventListener('abort', () => resolve())
        }),
      close: async () => {},
    }
  }

  #batch({ baseOffset, nextOffset, checksum, changes }: Commit, from: number): HistoryBatch {
    const records = [...changes, undefined]
    let at = Math.max(baseOffset, from) - baseOffset - 1
    return {
      baseOffset: Math.max(baseOffset, from),
      nextOffset,
      recordsChecksum: () => checksum,
      next: () => {
        at++
        if (at < records.length) this.read++
        return at < records.length
      },
      bytes: RECORD_BYTES,
      change: () => records[at],
    }
  }
}
