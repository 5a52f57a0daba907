import { expect, test } from 'vitest'
import { murmur3 } from './hash.ts'

// The published test vectors of MurmurHash3, whose bytes are UTF-16 here.
test.each([
  ['', 0, 0],
  ['', 1, 0x514e28b7],
  ['\uffff\uffff', 0, 0x76293b50],
  ['\u4321\u8765', 0, 0xf55b516b],
  ['\u4321\u8765', 0x5082edee, 0x2362f9de],
  ['\u4321', 0, 0xa0f7b07a],
  ['\0\0', 0, 0x2362f9de],
  ['\0', 0, 0x30f4c306],
])('the MurmurHash3 of %j with seed %i is %i', (text, seed, hash) => {
  expect(murmur3(text, seed)).toBe(hash)
})
