import { placeIn } from './insert.ts'

/**
 * What HyperLogLog keeps of a set of hashes: the hashes, sorted, while they are few, then one register for each of 4096
 * groups of hashes, as one character. It depends on the set alone, not on the order in which it came.
 */
export type HashSet = readonly number[] | string

/** The first 12 bits of a hash choose its register: the standard error is 1.04 / √4096 = 1.6 %. */
const REGISTERS = 4096
/** The other bits of a hash: a register holds the place of their first 1, counted from 1, or one more if there is none. */
const REST_BITS = 40
const REST = 2 ** REST_BITS
/** So many hashes take half of the room of the registers. */
const HASHES_MAX = 128
/** The character of an empty register. None up to that of 41 needs an escape in JSON. */
const EMPTY = 0x23
const NO_REGISTERS = String.fromCharCode(EMPTY).repeat(REGISTERS)

/** One constant for any number of registers: 1 / (2 ln 2). */
const ALPHA = 0.5 / Math.LN2

/** The set with one hash more: a whole number less than 2^52. The same set if it has it. */
export function withHash(set: HashSet, hash: number): HashSet {
  if (typeof set === 'string') return raised(set, registerOf(hash), rankOf(hash))
  const at = placeIn(set, hash, difference)
  if (set[at] === hash) return set
  const hashes = set.toSpliced(at, 0, hash)
  return hashes.length <= HASHES_MAX ? hashes : hashes.reduce(withHash, NO_REGISTERS as HashSet)
}

/** The hashes of both. */
export function union(a: HashSet, b: HashSet): HashSet {
  if (typeof b !== 'string') return b.reduce(withHash, a)
  if (typeof a !== 'string') return a.reduce(withHash, b as HashSet)
  const codes = Array.from(a, (register, at) => Math.max(register.charCodeAt(0), b.charCodeAt(at)))
  return String.fromCharCode(...codes)
}

/**
 * About how many hashes there are. The estimate from registers is Ertl's (New cardinality estimation algorithms for
 * HyperLogLog sketches, 2017): it needs no tables, and is as good for few hashes as for many.
 */
export function estimate(set: HashSet): number {
  if (typeof set !== 'string') return set.length
  const counts = new Array<number>(REST_BITS + 2).fill(0)
  for (let at = 0; at < REGISTERS; at++) {
    const rank = set.charCodeAt(at) - EMPTY
    counts[rank] = (counts[rank] ?? 0) + 1
  }
  let sum = REGISTERS * tau(1 - (counts[REST_BITS + 1] ?? 0) / REGISTERS)
  for (let rank = REST_BITS; rank >= 1; rank--) sum = 0.5 * (sum + (counts[rank] ?? 0))
  sum += REGISTERS * sigma((counts[0] ?? 0) / REGISTERS)
  return Math.round((ALPHA * REGISTERS * REGISTERS) / sum)
}

function raised(registers: string, at: number, rank: number): string {
  if (registers.charCodeAt(at) - EMPTY >= rank) return registers
  return registers.slice(0, at) + String.fromCharCode(EMPTY + rank) + registers.slice(at + 1)
}

function registerOf(hash: number): number {
  return Math.floor(hash / REST)
}

function rankOf(hash: number): number {
  const rest = hash % REST
  // Both halves have at most 20 bits; clz32 counts from the first of 32.
  const high = Math.floor(rest / 2 ** 20)
  return high > 0 ? Math.clz32(high) - 11 : Math.clz32(rest) + 9
}

/** x + Σ x^(2^k) 2^(k-1), infinite for 1. */
function sigma(x: number): number {
  if (x === 1) return Number.POSITIVE_INFINITY
  let [power, weight, sum, before] = [x, 1, x, Number.NaN]
  while (sum !== before) {
    before = sum
    power *= power
    sum += power * weight
    weight *= 2
  }
  return sum
}

/** (1 - x - Σ (1 - x^(2^-k))² 2^-k) / 3 */
function tau(x: number): number {
  if (x === 0 || x === 1) return 0
  let [root, weight, sum, before] = [x, 1, 1 - x, Number.NaN]
  while (sum !== before) {
    before = sum
    root = Math.sqrt(root)
    weight *= 0.5
    sum -= (1 - root) ** 2 * weight
  }
  return sum / 3
}

function difference(a: number, b: number): number {
  return a - b
}
