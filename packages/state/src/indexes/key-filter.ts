import { murmur2 } from '@millrace/core/internal'

/** Bits for each key. With six of them set per key, the filter is wrong for about one in a hundred keys that are not stored. */
const BITS_PER_KEY = 12
const BITS_SET = 6
/** All bits of a key are in one block of this many bits, which is a line of the processor's cache. */
const BLOCK_BITS = 512
const WORD_BITS = 32
const WORDS_PER_BLOCK = BLOCK_BITS / WORD_BITS
/** The first part of a filter has room for 43,000 keys. */
const FIRST_PART_BYTES = 64 * 1024
/** Each part is this many times larger than the part before: few parts, and little memory for few keys. */
const GROWTH = 4
/** Memory of one store's filter. Its five parts (21 MiB) have room for 14 million keys; for more keys, the filter is given up. */
export const FILTER_BYTES_MAX = 32 * 1024 * 1024

/** One part of a filter: blocks of bits, by the first bits of a key's hash. */
interface Part {
  readonly words: Int32Array
  /** The hash shifted to the right by this is the number of a block. */
  readonly shift: number
  /** Keys that it still has room for. */
  room: number
}

/**
 * The keys that LevelDB may hold, as bits in memory: a blocked Bloom filter (Putze, Sanders and Singler 2007) that grows. It
 * never calls a stored key absent, and sometimes calls an absent key stored. So a read of a new key needs no look into
 * LevelDB, which would search every level.
 */
export class KeyFilter {
  /** The largest part first; undefined if nothing is known about what is stored. */
  #parts: Part[] | undefined
  #bytes = 0

  /** From now on nothing is stored except the keys that are added. */
  startEmpty(): void {
    this.#parts = []
    this.#bytes = 0
  }

  /** From now on any key may be stored. */
  giveUp(): void {
    this.#parts = undefined
  }

  /** Adds the key `bytes[start, end)`. This must happen before the key is read from LevelDB. */
  add(bytes: Buffer, start: number, end: number): void {
    if (this.#parts === undefined) return
    const hash = murmur2(bytes, start, end)
    let part = this.#parts[0]
    if (part === undefined || part.room === 0) {
      part = this.#grow(this.#parts)
      if (part === undefined) return
    }
    part.room--
    const { words } = part
    const block = blockOf(part, hash)
    const mixed = mix(hash)
    const step = stepOf(mixed)
    for (let count = 0, bit = firstBit(mixed); count < BITS_SET; count++, bit += step) {
      const at = block + wordOf(bit)
      words[at] = (words[at] ?? 0) | maskOf(bit)
    }
  }

  /** Whether LevelDB may hold the key `bytes[start, end)`; if not, it certainly does not. */
  mayHold(bytes: Buffer, start: number, end: number): boolean {
    if (this.#parts === undefined) return true
    const hash = murmur2(bytes, start, end)
    for (const part of this.#parts) if (partHolds(part, hash)) return true
    return false
  }

  #grow(parts: Part[]): Part | undefined {
    const bytes = FIRST_PART_BYTES * GROWTH ** parts.length
    if (this.#bytes + bytes > FILTER_BYTES_MAX) {
      this.giveUp()
      return undefined
    }
    this.#bytes += bytes
    const bits = bytes * 8
    const shift = WORD_BITS - Math.log2(bits / BLOCK_BITS)
    const part = { words: new Int32Array(bits / WORD_BITS), shift, room: Math.floor(bits / BITS_PER_KEY) }
    parts.unshift(part)
    return part
  }
}

function partHolds(part: Part, hash: number): boolean {
  const { words } = part
  const block = blockOf(part, hash)
  const mixed = mix(hash)
  const step = stepOf(mixed)
  for (let count = 0, bit = firstBit(mixed); count < BITS_SET; count++, bit += step) {
    if (((words[block + wordOf(bit)] ?? 0) & maskOf(bit)) === 0) return false
  }
  return true
}

/** The first word of a hash's block. */
function blockOf({ shift }: Part, hash: number): number {
  return (hash >>> shift) * WORDS_PER_BLOCK
}

/** Makes the bits within a block independent of the block's number, which is the first bits of the hash. */
function mix(hash: number): number {
  return Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
}

function firstBit(mixed: number): number {
  return mixed >>> 23
}

/** Odd, so that all bits of a key differ. */
function stepOf(mixed: number): number {
  return ((mixed >>> 10) & (BLOCK_BITS - 1)) | 1
}

/** A bit's word in its block; bits are counted modulo the block's size. */
function wordOf(bit: number): number {
  return (bit >>> 5) & (WORDS_PER_BLOCK - 1)
}

function maskOf(bit: number): number {
  return 1 << (bit & (WORD_BITS - 1))
}
