import { crc32c as native } from '@node-rs/crc32'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32c, crc32cAfter } from './crc32c.ts'

test('the CRC-32C of "123456789" is the published one', () => {
  expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283)
})

test('tables and native code agree at every length and start', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 300, maxLength: 300 }), fc.nat(60), fc.nat(240), (bytes, start, length) => {
      const buffer = Buffer.from(bytes)
      expect(crc32c(buffer, start, start + length)).toBe(native(buffer.subarray(start, start + length)))
    }),
  )
})

test('the checksum of parts, one after the other, is that of the whole', () => {
  const bytes = Buffer.from('123456789')
  expect(crc32cAfter(crc32cAfter(0, bytes.subarray(0, 4)), bytes.subarray(4))).toBe(crc32c(bytes, 0, 9))
})
