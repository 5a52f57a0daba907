import type { Batch, PartitionReader } from '@millrace/core'

/** A partition whose records are merged with those of others. */
interface Source {
  readonly reader: PartitionReader
  batch: Batch | undefined
}

/**
 * The records of several partitions as one sequence: those of each partition in their order, and of the partitions' next records
 * always the one with the lowest timestamp, as a task takes its inputs. So records that were in time are still in time.
 */
export class MergedRecords {
  readonly #sources: Source[]
  #last: Source | undefined

  constructor(readers: readonly PartitionReader[]) {
    this.#sources = readers.map((reader) => ({ reader, batch: undefined }))
    for (const source of [...this.#sources]) this.#advance(source)
  }

  /** A cursor at the next record, valid until the next call; undefined at the end of all partitions. */
  next(): Batch | undefined {
    if (this.#last !== undefined) this.#advance(this.#last)
    this.#last = undefined
    for (const source of this.#sources) {
      if (source.batch === undefined) continue
      if (this.#last?.batch === undefined || source.batch.timestamp < this.#last.batch.timestamp) this.#last = source
    }
    return this.#last?.batch
  }

  /** Moves a partition to its next record. A partition at its end is left out from then on. */
  #advance(source: Source): void {
    for (;;) {
      if (source.batch?.next() === true) return
      source.batch = source.reader.poll()
      if (source.batch === undefined) break
    }
    this.#sources.splice(this.#sources.indexOf(source), 1)
  }
}
