/** Rounds of the permutation: Chaskey-12, the number that ISO/IEC 29192-6 has. */
const ROUNDS = 12

/**
 * A keyed 128-bit hash of bytes: Chaskey-12 (Mouha et al., "Chaskey: An Efficient MAC Algorithm for 32-bit Microcontrollers",
 * SAC 2014). It only needs 32-bit additions, rotations and XORs, which are fast in JavaScript.
 *
 * Two different inputs have the same hash with a probability of 2^-128, even if an attacker chooses them: without the key no
 * such pair can be found. So code that compares hashes does not need to compare the inputs.
 */
export class KeyedHash {
  /** The hash of the last call. */
  h0 = 0
  h1 = 0
  h2 = 0
  h3 = 0
  readonly #key: readonly [number, number, number, number]
  readonly #full: readonly [number, number, number, number]
  readonly #padded: readonly [number, number, number, number]

  /** `key`: four random 32-bit numbers. */
  constructor(key: readonly [number, number, number, number]) {
    this.#key = key
    this.#full = timesTwo(key)
    this.#padded = timesTwo(this.#full)
  }

  /** Hashes `bytes[start, end)` into the fields. */
  hash(bytes: Buffer, start: number, end: number): void {
    ;[this.h0, this.h1, this.h2, this.h3] = this.#key
    let at = start
    for (; end - at > 16; at += 16) {
      this.#absorb(word(bytes, at), word(bytes, at + 4), word(bytes, at + 8), word(bytes, at + 12))
      this.#permute()
    }
    const left = end - at
    const last = left === 16 ? this.#full : this.#padded
    this.#absorb(
      lastWord(bytes, at, left),
      lastWord(bytes, at + 4, left - 4),
      lastWord(bytes, at + 8, left - 8),
      lastWord(bytes, at + 12, left - 12),
    )
    this.#absorb(last[0], last[1], last[2], last[3])
    this.#permute()
    this.#absorb(last[0], last[1], last[2], last[3])
  }

  #absorb(m0: number, m1: number, m2: number, m3: number): void {
    this.h0 ^= m0
    this.h1 ^= m1
    this.h2 ^= m2
    this.h3 ^= m3
  }

  #permute(): void {
    let { h0, h1, h2, h3 } = this
    for (let round = 0; round < ROUNDS; round++) {
      h0 = (h0 + h1) | 0
      h1 = ((h1 << 5) | (h1 >>> 27)) ^ h0
      h0 = (h0 << 16) | (h0 >>> 16)
      h2 = (h2 + h3) | 0
      h3 = ((h3 << 8) | (h3 >>> 24)) ^ h2
      h0 = (h0 + h3) | 0
      h3 = ((h3 << 13) | (h3 >>> 19)) ^ h0
      h2 = (h2 + h1) | 0
      h1 = ((h1 << 7) | (h1 >>> 25)) ^ h2
      h2 = (h2 << 16) | (h2 >>> 16)
    }
    this.h0 = h0
    this.h1 = h1
    this.h2 = h2
    this.h3 = h3
  }
}

/** Doubles a 128-bit number in GF(2^128), its lowest word first. */
function timesTwo([w0, w1, w2, w3]: readonly [number, number, number, number]): readonly [
  number,
  number,
  number,
  number,
] {
  return [
    (w0 << 1) ^ (w3 < 0 || w3 >= 2 ** 31 ? 0x87 : 0),
    (w1 << 1) | (w0 >>> 31),
    (w2 << 1) | (w1 >>> 31),
    (w3 << 1) | (w2 >>> 31),
  ]
}

/** Four bytes, the lowest first. */
function word(bytes: Buffer, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)
}

/** A word of the last block, of whose bytes `left` are the input's; a 1 follows the last of them, then zeros. */
function lastWord(bytes: Buffer, at: number, left: number): number {
  if (left >= 4) return word(bytes, at)
  if (left < 0) return 0
  let value = 1 << (8 * left)
  for (let index = 0; index < left; index++) value |= (bytes[at + index] ?? 0) << (8 * index)
  return value
}
