const SEED = 0x9747b28c
const MULTIPLIER = 0x5bd1e995
const SHIFT = 24

/**
 * The partition of a key, as Kafka's default partitioner chooses it: `toPositive(murmur2(key)) % partitions`. The key is
 * `bytes[start, end)`.
 */
export function partitionOf(bytes: Uint8Array, start: number, end: number, partitions: number): number {
  return (murmur2(bytes, start, end) & 0x7fffffff) % partitions
}

/** Austin Appleby's MurmurHash2, 32 bits, with Kafka's seed; signed. The key is `bytes[start, end)`. */
export function murmur2(bytes: Uint8Array, start: number, end: number): number {
  let hash = SEED ^ (end - start)
  let at = start
  for (; at + 4 <= end; at += 4) {
    let word = byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8) | (byteAt(bytes, at + 2) << 16)
    word = Math.imul(word | (byteAt(bytes, at + 3) << 24), MULTIPLIER)
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word ^ (word >>> SHIFT), MULTIPLIER)
  }
  if (end - at >= 3) hash ^= byteAt(bytes, at + 2) << 16
  if (end - at >= 2) hash ^= byteAt(bytes, at + 1) << 8
  if (end - at >= 1) hash = Math.imul(hash ^ byteAt(bytes, at), MULTIPLIER)
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER)
  return hash ^ (hash >>> 15)
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}
