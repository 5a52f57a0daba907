import { ByteWriter, type Serde } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import type { ChangelogRun } from './changelog/changelog-run.ts'
import { CHECKSUM_BYTES } from './database.ts'
import type { BytesBatch } from './level-engine.ts'

/** Each operation is five numbers: owner, key start, key end, value start (-1 deletes), value end. */
const FIELDS = 5
/** The owner of LevelDB's bookkeeping, which is not in the changelog. */
export const LOCAL = -1
/** The owner of what is in the changelog but not in LevelDB. */
export const CHANGELOG_ONLY = -2
/** The owner of an operation that is not to be written. */
const CANCELLED = -3

/**
 * One commit's entries, encoded one after another in a buffer that the next commit uses again. A value has room for its
 * checksum in front, so that what LevelDB stores is one range of bytes.
 */
export class CommitBuffer {
  readonly out = new ByteWriter(64 * 1024)
  readonly #operations: number[] = []
  readonly #slice = new SliceSerde(this.out)
  #owner = LOCAL
  #keyStart = 0
  #keyEnd = 0

  get operations(): number {
    return this.#operations.length / FIELDS
  }

  get bytes(): number {
    return this.out.position
  }

  clear(): void {
    this.out.clear()
    this.#operations.length = 0
  }

  /** Begins an operation; the caller then writes the key into `out`. */
  beginKey(owner: number): void {
    this.#owner = owner
    this.#keyStart = this.out.position
  }

  /** The key is written; the caller then writes the value into `out`, and calls `endValue`. */
  beginValue(): void {
    this.#keyEnd = this.out.position
    this.out.reserve(CHECKSUM_BYTES)
    this.out.position += CHECKSUM_BYTES
  }

  endValue(): void {
    const { out } = this
    const start = this.#keyEnd + CHECKSUM_BYTES
    const checksum = crc32c(out.buffer, start, out.position, crc32c(out.buffer, this.#keyStart, this.#keyEnd))
    out.buffer.writeUInt32BE(checksum, this.#keyEnd)
    this.#operations.push(this.#owner, this.#keyStart, this.#keyEnd, start, out.position)
  }

  /** The key is written; the operation deletes it. */
  endDeletion(): void {
    this.#operations.push(this.#owner, this.#keyStart, this.out.position, -1, -1)
  }

  /** Drops an operation, by its number. */
  cancel(operation: number): void {
    this.#operations[operation * FIELDS] = CANCELLED
  }

  /** Whether an operation, by its number, has the key `bytes[start, end)`. */
  hasKey(operation: number, bytes: Buffer, start: number, end: number): boolean {
    const at = operation * FIELDS
    const [keyStart = 0, keyEnd = 0] = [this.#operations[at + 1], this.#operations[at + 2]]
    return keyEnd - keyStart === end - start && this.out.buffer.compare(bytes, start, end, keyStart, keyEnd) === 0
  }

  /** Appends the last operation to the changelog. */
  appendLast(run: ChangelogRun): void {
    const operations = this.#operations
    const at = operations.length - FIELDS
    const slice = this.#slice
    slice.start = operations[at + 3] ?? -1
    slice.end = operations[at + 4] ?? -1
    const value = slice.start < 0 ? null : slice
    const keyStart = operations[at + 1] ?? 0
    run.append(this.out.buffer, keyStart, operations[at + 2] ?? 0, value, slice.end - slice.start, slice)
  }

  /** Puts every operation into a LevelDB batch; LevelDB copies the bytes. */
  addTo(batch: BytesBatch): void {
    const operations = this.#operations
    const { buffer } = this.out
    for (let at = 0; at < operations.length; at += FIELDS) {
      if (operations[at] === CHANGELOG_ONLY || operations[at] === CANCELLED) continue
      const key = buffer.subarray(operations[at + 1] ?? 0, operations[at + 2] ?? 0)
      const valueStart = operations[at + 3] ?? -1
      if (valueStart < 0) batch.del(key)
      else batch.put(key, buffer.subarray(valueStart - CHECKSUM_BYTES, operations[at + 4] ?? 0))
    }
  }

  /** Calls `each` with the byte ranges of every operation of one owner. */
  forEach(
    owner: number,
    each: (bytes: Buffer, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number) => void,
  ): void {
    const operations = this.#operations
    for (let at = 0; at < operations.length; at += FIELDS) {
      if (operations[at] !== owner) continue
      const [keyStart = 0, keyEnd = 0] = [operations[at + 1], operations[at + 2]]
      each(this.out.buffer, keyStart, keyEnd, operations[at + 3] ?? -1, operations[at + 4] ?? -1)
    }
  }
}

/** Copies a range of the buffer into a record as its value. The "value" is the serde itself, so that no object is made. */
class SliceSerde implements Serde<SliceSerde> {
  readonly name = 'slice'
  readonly order = 'none'
  readonly primitive = false
  start = 0
  end = 0
  readonly #from: ByteWriter

  constructor(from: ByteWriter) {
    this.#from = from
  }

  encode(_value: SliceSerde, out: ByteWriter): void {
    out.reserve(this.end - this.start)
    out.position += this.#from.buffer.copy(out.buffer, out.position, this.start, this.end)
  }

  decode(): SliceSerde {
    throw new Error('A slice is only written')
  }

  toJson(): unknown {
    throw new Error('A slice is only written')
  }

  fromJson(): SliceSerde {
    throw new Error('A slice is only written')
  }
}
