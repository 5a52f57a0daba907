import type { Random } from '@millrace/core'
import { KeyedHash } from './keyed-hash.ts'
import type { Slices } from './slices.ts'

/** Four words of hash, and the offset. */
const SLOT_WORDS = 5
const SLOT_BYTES = 4 * SLOT_WORDS
/** A look-up in a table that is this full reads 2.5 slots on average, if the key is there. */
const LOAD_MAX = 0.75
/** An offset is kept as its difference from the first, plus one, in 32 bits; 0 is a free slot. */
const OFFSETS_MAX = 2 ** 32 - 1
/** 256 KiB, which take 20 µs: far below a slice. */
const CLEARED_WORDS = 64 * 1024

/**
 * The maximum memory for the keys of a compaction, however many there are: Kafka's `log.cleaner.dedupe.buffer.size`. A
 * process compacts one partition at a time in the background, after its appends.
 */
const KEY_BYTES_MAX = 128 * 1024 * 1024

/** The number of keys that fit: 128 MiB / 20 B × 0.75. More keys take more passes. */
export const COMPACTION_KEYS_MAX = Math.floor((KEY_BYTES_MAX / SLOT_BYTES) * LOAD_MAX)

/**
 * The latest offset of each key of some consecutive records, for a bounded number of keys: an open-addressed table of 128-bit
 * hashes. Every table gets a new hash key, so that no one can choose record keys that collide.
 */
export class KeyOffsets {
  readonly #keysMax: number
  readonly #slots: number
  readonly #words: Uint32Array
  readonly #hash: KeyedHash
  #firstOffset = 0
  #keys = 0

  constructor(keysMax: number, random: Random) {
    this.#keysMax = keysMax
    this.#slots = Math.ceil(keysMax / LOAD_MAX)
    this.#words = new Uint32Array(this.#slots * SLOT_WORDS)
    const word = () => Math.floor(random.next() * 2 ** 32) | 0
    this.#hash = new KeyedHash([word(), word(), word(), word()])
  }

  /** How much memory the table takes. */
  get bytes(): number {
    return this.#words.byteLength
  }

  /** Removes all keys; offsets from `firstOffset` on follow. */
  async clear(firstOffset: number, slices: Slices): Promise<void> {
    this.#firstOffset = firstOffset
    if (this.#keys === 0) return
    this.#keys = 0
    for (let from = 0; from < this.#words.length; from += CLEARED_WORDS) {
      this.#words.fill(0, from, from + CLEARED_WORDS)
      if (slices.over) await slices.next()
    }
  }

  /**
   * Notes the offset of a key, `bytes[start, end)`; in offset order. False if it does not fit any more: then nothing is
   * noted.
   */
  note(bytes: Buffer, start: number, end: number, offset: number): boolean {
    const difference = offset - this.#firstOffset
    if (difference >= OFFSETS_MAX) return false
    const at = this.#slotOf(bytes, start, end)
    const words = this.#words
    if (words[at + 4] === 0) {
      if (this.#keys === this.#keysMax) return false
      this.#keys++
      const { h0, h1, h2, h3 } = this.#hash
      words[at] = h0
      words[at + 1] = h1
      words[at + 2] = h2
      words[at + 3] = h3
    }
    words[at + 4] = difference + 1
    return true
  }

  /** The latest noted offset of a key; -1 if there is none. */
  latest(bytes: Buffer, start: number, end: number): number {
    const recorded = this.#words[this.#slotOf(bytes, start, end) + 4] ?? 0
    return recorded === 0 ? -1 : this.#firstOffset + recorded - 1
  }

  /** The start of the key's slot, or of the free one that it would get. */
  #slotOf(bytes: Buffer, start: number, end: number): number {
    const hash = this.#hash
    hash.hash(bytes, start, end)
    const words = this.#words
    const [h0, h1, h2, h3] = [hash.h0 >>> 0, hash.h1 >>> 0, hash.h2 >>> 0, hash.h3 >>> 0]
    let at = Math.floor((h0 * this.#slots) / 2 ** 32) * SLOT_WORDS
    // The table is never full, since at least one slot in four is free: the loop reaches a free slot.
    while (words[at + 4] !== 0) {
      if (words[at] === h0 && words[at + 1] === h1 && words[at + 2] === h2 && words[at + 3] === h3) return at
      at += SLOT_WORDS
      if (at === words.length) at = 0
    }
    return at
  }
}
