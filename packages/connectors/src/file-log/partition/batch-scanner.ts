import type { OpenFile } from '@millrace/core'
import { baseOffset, batchBytes, isWhole, nextOffset } from '../../record-batch/batch-header.ts'
import { HEADER_BYTES, MAGIC, MAGIC_AT } from '../../record-batch/format.ts'

/**
 * What is at a scanner's position: a whole batch with the offset that is expected there; the end of what may be read; or why it
 * is neither. `offset` is a whole batch with another base offset, which the checksum does not cover.
 */
export type Found = 'whole' | 'end' | 'cut' | 'length' | 'room' | 'short' | 'format' | 'checksum' | 'offset'

/** How much a scanner reads at once: at first, and at most. A batch that is larger gets the room that it needs. */
export interface ReadBytes {
  readonly min: number
  readonly max: number
}

/**
 * A cursor over the batches of one segment: it reads the file a piece at a time, and checks each batch where it is. A segment
 * has no gaps, so the base offset of a batch is right if it is the offset after the batch before.
 *
 * `find` looks at the batch at the position, and `pass` moves past it. In between, the getters describe it. After a move to
 * another position, nothing from before is valid.
 */
export class BatchScanner {
  readonly file: OpenFile
  readonly #bytesMax: number
  #buffer: Buffer
  /** The buffer holds `#held` bytes of the file from `#from` on. */
  #from = 0
  #held = 0
  #position = 0
  #offset = 0
  #limit = 0
  #bytes = 0

  /** Reads into `buffer`, and replaces it by a larger one, of up to `bytesMax`, while there is that much to read. */
  constructor(file: OpenFile, buffer: Buffer, bytesMax: number) {
    this.file = file
    this.#buffer = buffer
    this.#bytesMax = bytesMax
  }

  /** Where in the file the next batch is, or should be. */
  get position(): number {
    return this.#position
  }

  /** The base offset that the batch at the position must have. */
  get offset(): number {
    return this.#offset
  }

  /** The segment is read up to here. */
  get limit(): number {
    return this.#limit
  }

  /** Holds the batch that was found from `at` on, until the next call. */
  get buffer(): Buffer {
    return this.#buffer
  }

  get at(): number {
    return this.#position - this.#from
  }

  /** The length that the batch's header states. */
  get bytes(): number {
    return this.#bytes
  }

  get nextOffset(): number {
    return nextOffset(this.#buffer, this.at)
  }

  moveTo(position: number, offset: number): void {
    this.#position = position
    this.#offset = offset
  }

  limitTo(limit: number): void {
    this.#limit = limit
  }

  /** Checks the batch at the position. */
  find(): Found {
    const missing = this.#findLength()
    if (missing !== undefined) return missing
    if (!this.#hold(this.#bytes)) return 'short'
    const at = this.at
    if (!isWhole(this.#buffer, at, this.#bytes)) return this.#buffer[at + MAGIC_AT] === MAGIC ? 'checksum' : 'format'
    return baseOffset(this.#buffer, at) === this.#offset ? 'whole' : 'offset'
  }

  /** Checks only the header's length and offset: enough to move on to the next batch, without reading the records. */
  findHeader(): Found {
    return this.#findLength() ?? (baseOffset(this.#buffer, this.at) === this.#offset ? 'whole' : 'offset')
  }

  /** Moves past the batch that was found. */
  pass(): void {
    this.#offset = this.nextOffset
    this.#position += this.#bytes
  }

  /** The first position from `position` on at which a batch could start, judged only by the version of its format. */
  candidateFrom(position: number): number | undefined {
    for (let from = position + MAGIC_AT; from < this.#limit; ) {
      this.#position = from
      if (!this.#hold(1)) return undefined
      const found = this.#buffer.indexOf(MAGIC, this.at)
      if (found >= 0 && found < this.#held) return this.#from + found - MAGIC_AT
      from = this.#from + this.#held
    }
    return undefined
  }

  #findLength(): Found | undefined {
    const room = this.#limit - this.#position
    if (room <= 0) return 'end'
    if (room < HEADER_BYTES) return 'cut'
    if (!this.#hold(HEADER_BYTES)) return 'short'
    const bytes = batchBytes(this.#buffer, this.at)
    if (bytes === undefined) return 'length'
    this.#bytes = bytes
    return bytes > room ? 'room' : undefined
  }

  /** Makes the buffer hold so many bytes from the position on; false if the file is shorter. */
  #hold(bytes: number): boolean {
    const at = this.#position - this.#from
    if (at >= 0 && at + bytes <= this.#held) return true
    this.#moveToFront(at, bytes)
    while (this.#held < bytes) {
      const wanted = Math.min(this.#buffer.length, this.#limit - this.#from) - this.#held
      const read = wanted > 0 ? this.file.read(this.#buffer, this.#held, wanted, this.#from + this.#held) : 0
      if (read === 0) return false
      this.#held += read
    }
    return true
  }

  /** Makes the buffer start at the position, with room for so many bytes. */
  #moveToFront(at: number, bytes: number): void {
    const old = this.#buffer
    const wasFull = this.#held === old.length && this.#limit - this.#position > old.length
    const length = Math.max(bytes, wasFull ? Math.min(this.#bytesMax, old.length * 2) : 0)
    if (length > old.length) this.#buffer = Buffer.allocUnsafeSlow(length)
    const isHeld = at >= 0 && at < this.#held
    if (isHeld) old.copy(this.#buffer, 0, at, this.#held)
    this.#held = isHeld ? this.#held - at : 0
    this.#from = this.#position
  }
}

/** Why a batch that was not found cannot be read. */
export function describeDamage(found: Found, scanner: BatchScanner): string {
  switch (found) {
    case 'cut':
      return 'the segment ends in the middle of a batch'
    case 'length':
      return 'the length of the batch there is impossible'
    case 'room':
      return `a batch of ${scanner.bytes} bytes does not fit before the segment's end`
    case 'short':
      return `the file is shorter than the ${scanner.limit} bytes that it had`
    case 'format':
      return 'the batch there has no known format'
    case 'checksum':
      return 'the checksum of the batch there is wrong'
    default:
      return `offset ${scanner.offset} should be there, not ${baseOffset(scanner.buffer, scanner.at)}`
  }
}
