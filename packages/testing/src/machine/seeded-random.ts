import type { Random } from '@millrace/core'

/**
 * Random numbers that repeat: the same seed gives the same numbers. The generator is sfc32 (Chris Doty-Humphrey, PractRand):
 * 128 bits of state, a few additions and shifts per number.
 */
export class SeededRandom implements Random {
  readonly seed: number
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** `seed`: any safe integer. */
  constructor(seed: number) {
    this.seed = seed
    this.#a = 0
    this.#b = seed | 0
    this.#c = Math.floor(seed / 2 ** 32) | 0
    // After this many rounds, similar seeds differ in every bit.
    for (let round = 0; round < 15; round++) this.bits()
  }

  /** 32 random bits, as an integer from 0. */
  bits(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum >>> 0
  }

  next(): number {
    return ((this.bits() >>> 5) * 2 ** 26 + (this.bits() >>> 6)) / 2 ** 53
  }

  /** An integer in [0, count). */
  below(count: number): number {
    return Math.floor((this.bits() / 2 ** 32) * count)
  }

  /** A number in [least, most). */
  between(least: number, most: number): number {
    return least + (this.bits() / 2 ** 32) * (most - least)
  }

  /** True with this probability, from 0 to 1. */
  chance(probability: number): boolean {
    return this.bits() / 2 ** 32 < probability
  }

  uuid(): string {
    const hex = (bits: number) => bits.toString(16).padStart(8, '0')
    const high = hex(((this.bits() & 0xffff0fff) | 0x4000) >>> 0)
    const low = hex(((this.bits() & 0x3fffffff) | 0x80000000) >>> 0)
    const text = hex(this.bits()) + high + low + hex(this.bits())
    return text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  }

  /**
   * Another generator, whose numbers depend only on this one's seed and the name: drawing more from one does not change the
   * others.
   */
  fork(name: string): SeededRandom {
    // FNV-1a, twice with different starts, to 52 bits.
    let low = 0x811c9dc5 ^ (this.seed | 0)
    let high = 0x01000193 ^ (Math.floor(this.seed / 2 ** 32) | 0)
    for (let index = 0; index < name.length; index++) {
      low = Math.imul(low ^ name.charCodeAt(index), 0x01000193)
      high = Math.imul(high ^ low ^ name.charCodeAt(index), 0x01000193)
    }
    return new SeededRandom((high >>> 12) * 2 ** 32 + (low >>> 0))
  }
}
