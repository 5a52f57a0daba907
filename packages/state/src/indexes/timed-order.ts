import { ByteWriter } from '@millrace/core'
import { readTime, TIME_BYTES, writeTime } from '@millrace/core/internal'

/** At which byte of an index id the key begins: behind the other time. */
export const INDEX_KEY_AT = TIME_BYTES

/** Where an entry stands in a store by interval or instant. */
export interface EntryPlace {
  /** Of an instant: the instant. */
  readonly start: number
  /** Of an instant: the sequence. */
  readonly end: number
  /** The escaped key, as Latin-1 text. */
  readonly keyId: string
}

/** The order of the entries of a store by interval or instant: by time, then by the other time, then by key. */
export class TimedOrder {
  /** Whether the time of an entry is its end. */
  readonly byEnd: boolean
  readonly #scratch = new ByteWriter(TIME_BYTES)

  constructor(byEnd: boolean) {
    this.byEnd = byEnd
  }

  compare(a: EntryPlace, b: EntryPlace): number {
    const difference = this.byEnd ? a.end - b.end || a.start - b.start : a.start - b.start || a.end - b.end
    return difference || (a.keyId < b.keyId ? -1 : Number(a.keyId > b.keyId))
  }

  timeOf({ start, end }: EntryPlace): number {
    return this.byEnd ? end : start
  }

  /** The place before all entries of a time. */
  placeAt(time: number): EntryPlace {
    return this.#place(time, Number.NEGATIVE_INFINITY, '')
  }

  /** How the index names an entry of its time: the other time, 8 bytes, then the escaped key. */
  indexIdOf({ start, end, keyId }: EntryPlace): string {
    const scratch = this.#scratch
    scratch.clear()
    writeTime(scratch, this.byEnd ? start : end)
    return scratch.buffer.latin1Slice(0, scratch.position) + keyId
  }

  /** The inverse. */
  placeOf(time: number, indexId: string): EntryPlace {
    const other = readTime(Buffer.from(indexId.slice(0, INDEX_KEY_AT), 'latin1'), 0)
    return this.#place(time, other, indexId.slice(INDEX_KEY_AT))
  }

  #place(time: number, other: number, keyId: string): EntryPlace {
    return this.byEnd ? { start: other, end: time, keyId } : { start: time, end: other, keyId }
  }
}
