/**
 * MurmurHash3 (32 bits, Austin Appleby, public domain) of a text's UTF-16 code units. It determines what is stored: it must
 * never change.
 */
export function murmur3(text: string, seed: number): number {
  let hash = seed
  const pairs = text.length & ~1
  for (let at = 0; at < pairs; at += 2) {
    hash ^= scrambled(text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16))
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  if (pairs < text.length) hash ^= scrambled(text.charCodeAt(pairs))
  hash ^= text.length * 2
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function scrambled(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51)
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
}
