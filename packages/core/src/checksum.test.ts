import { crc32c as native } from '@node-rs/crc32'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32c } from './checksum.ts'

test('CRC-32C gives the published checksums', () => {
  // RFC 3720, appendix B.4, and the catalogue's check value for '123456789'.
  expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283)
  expect(crc32c(Buffer.alloc(32), 0, 32)).toBe(0x8a9136aa)
})

test('tables and native code agree at every length and start', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 300, maxLength: 300 }), fc.nat(60), fc.nat(240), (bytes, start, length) => {
      const buffer = Buffer.from(bytes)
      expect(crc32c(buffer, start, start + length)).toBe(native(buffer.subarray(start, start + length)))
    }),
  )
})

test('the checksum of parts, short or long, one after the other, is that of the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1000 }), fc.nat(1000), (content, cut) => {
      const bytes = Buffer.from(content)
      const at = Math.min(cut, bytes.length)
      const whole = crc32c(bytes, 0, bytes.length)
      expect(crc32c(bytes, at, bytes.length, crc32c(bytes, 0, at))).toBe(whole)
    }),
  )
})
