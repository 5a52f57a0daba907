import { type InputCheckpoint, murmur2 } from '@millrace/core/internal'
import { CommitBuffer } from '../commit-buffer.ts'

const SLOTS_MIN = 1024

/**
 * What a run of whole groups writes: of each key the last value, encoded when it comes, and the last checkpoint of each input.
 * It is used again for other runs.
 */
export class RestoredRun {
  readonly buffer = new CommitBuffer()
  readonly inputs = new Map<string, InputCheckpoint>()
  /** An open-addressed table of the last operation of each key: its number plus one, or 0 in a free slot; and its hash. */
  #operations = new Int32Array(SLOTS_MIN)
  #hashes = new Int32Array(SLOTS_MIN)
  #used = 0

  /** Takes a record of the store `owner`. The value is absent if `valueStart` is negative: then the record deletes. */
  put(owner: number, bytes: Buffer, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const { buffer } = this
    const hash = murmur2(bytes, keyStart, keyEnd)
    const slot = this.#slotOf(hash, bytes, keyStart, keyEnd)
    const before = this.#operations[slot] ?? 0
    if (before > 0) buffer.cancel(before - 1)
    this.#operations[slot] = buffer.operations + 1
    this.#hashes[slot] = hash
    buffer.beginKey(owner)
    buffer.out.bytes(bytes, keyStart, keyEnd)
    if (valueStart < 0) buffer.endDeletion()
    else {
      buffer.beginValue()
      buffer.out.bytes(bytes, valueStart, valueEnd)
      buffer.endValue()
    }
    if (before === 0 && ++this.#used > this.#operations.length / 2) this.#grow()
  }

  clear(): void {
    this.buffer.clear()
    this.inputs.clear()
    this.#operations.fill(0)
    this.#used = 0
  }

  /** The slot of a key, or the free one that it gets. */
  #slotOf(hash: number, bytes: Buffer, start: number, end: number): number {
    const mask = this.#operations.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const operation = this.#operations[slot] ?? 0
      if (operation === 0) return slot
      if (this.#hashes[slot] === hash && this.buffer.hasKey(operation - 1, bytes, start, end)) return slot
    }
  }

  #grow(): void {
    const [operations, hashes] = [this.#operations, this.#hashes]
    this.#operations = new Int32Array(operations.length * 2)
    this.#hashes = new Int32Array(hashes.length * 2)
    const mask = this.#operations.length - 1
    for (const [from, operation] of operations.entries()) {
      if (operation === 0) continue
      const hash = hashes[from] ?? 0
      let slot = hash & mask
      while (this.#operations[slot] !== 0) slot = (slot + 1) & mask
      this.#operations[slot] = operation
      this.#hashes[slot] = hash
    }
  }
}
