import { expect, test } from 'vitest'
import { KeyedHash } from './keyed-hash.ts'

/** From the reference implementation: the hash of the bytes 0, 1, … for each number of bytes. */
const VECTORS: readonly (readonly [bytes: number, hash: string])[] = [
  [0, '43cb1f41 51eba0c2 ff0a8ac3 7ee3f642'],
  [1, 'f9ac2067 9c35a846 441aad3d 777b7330'],
  [3, '8c5e6ab9 5035adfb bff69f98 965516d9'],
  [4, '0b2b62db 1e9e3f50 a1b8dcad b4279ae0'],
  [15, '03cfb44b 283c8163 fca71448 c40a0aea'],
  [16, '5dd0e2a9 fb5eac8c 633a392e 500c36f3'],
  [17, '8b5f6d5a 202314f6 22092368 9639e606'],
  [32, '77962784 07c647fa dd752c0f d2f5a799'],
  [63, '2dd072e1 42b89efe fb26b615 049aa451'],
]

test.each(VECTORS)('the keyed hash of %i bytes is that of the reference', (count, expected) => {
  const hash = new KeyedHash([0x833d3433, 0x009f389f, 0x2398e64f, 0x417acf39])
  const bytes = Buffer.from([99, 99, 99, ...Array.from({ length: count }, (_, index) => index), 99])
  hash.hash(bytes, 3, 3 + count)
  const words = [hash.h0, hash.h1, hash.h2, hash.h3].map((word) => (word >>> 0).toString(16).padStart(8, '0'))
  expect(words.join(' ')).toBe(expected)
})
