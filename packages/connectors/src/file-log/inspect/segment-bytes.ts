import type { OpenFile } from '@millrace/core'
import { baseOffset, batchBytes, isWhole, nextOffset } from '../../record-batch/batch-header.ts'
import { HEADER_BYTES, MAGIC, MAGIC_AT } from '../../record-batch/format.ts'

const CHUNK_BYTES = 1024 * 1024

/** Where a whole batch is, and the content of its header. */
export interface FoundBatch {
  readonly position: number
  readonly bytes: number
  readonly baseOffset: number
  readonly nextOffset: number
}

/** A segment's bytes up to a limit, read a piece at a time, from any position. */
export class SegmentBytes {
  readonly limit: number
  readonly #file: OpenFile
  #buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  #from = 0
  #held = 0

  constructor(file: OpenFile, limit: number) {
    this.#file = file
    this.limit = limit
  }

  /** `bytes` bytes at `position`, fewer at the limit; valid until the next call. */
  view(position: number, bytes: number): Buffer {
    const wanted = Math.max(0, Math.min(bytes, this.limit - position))
    if (position < this.#from || position + wanted > this.#from + this.#held) this.#load(position, wanted)
    const at = position - this.#from
    return this.#buffer.subarray(at, Math.min(at + wanted, this.#held))
  }

  /** The whole batch at `position`, with offsets within `[offsetMin, offsetMax]`; undefined if there is none. */
  wholeAt(position: number, offsetMin: number, offsetMax: number): FoundBatch | undefined {
    const head = this.view(position, HEADER_BYTES)
    if (head.length < HEADER_BYTES) return undefined
    const bytes = batchBytes(head, 0)
    if (bytes === undefined || position + bytes > this.limit) return undefined
    const [base, next] = [baseOffset(head, 0), nextOffset(head, 0)]
    // The offsets come first: in bytes that are not a batch they are almost never right, and a checksum takes longer.
    if (base < offsetMin || next > offsetMax || next <= base) return undefined
    const batch = this.view(position, bytes)
    if (batch.length < bytes || !isWhole(batch, 0, bytes)) return undefined
    return { position, bytes, baseOffset: base, nextOffset: next }
  }

  /** The first position from `position` on at which a batch could start, judged only by the version of its format. */
  nextCandidate(position: number): number | undefined {
    for (let from = position + MAGIC_AT; from < this.limit; ) {
      const piece = this.view(from, CHUNK_BYTES)
      if (piece.length === 0) return undefined
      const found = piece.indexOf(MAGIC)
      if (found >= 0) return from + found - MAGIC_AT
      from += piece.length
    }
    return undefined
  }

  #load(position: number, bytes: number): void {
    if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(bytes)
    this.#from = position
    const wanted = Math.min(this.#buffer.length, this.limit - position)
    this.#held = 0
    while (this.#held < wanted) {
      const read = this.#file.read(this.#buffer, this.#held, wanted - this.#held, position + this.#held)
      if (read === 0) return
      this.#held += read
    }
  }
}
