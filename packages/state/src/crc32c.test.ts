import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32c } from './crc32c.ts'

test("CRC-32C gives its specification's check value", () => {
  // RFC 3720, appendix B.4, and the catalogue's check value for '123456789'.
  expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283)
  expect(crc32c(Buffer.alloc(32), 0, 32)).toBe(0x8a9136aa)
})

test('CRC-32C of parts, short or long, continues to that of the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1000 }), fc.nat(1000), (content, cut) => {
      const bytes = Buffer.from(content)
      const at = Math.min(cut, bytes.length)
      let expected = 0
      for (let byte = 0; byte < bytes.length; byte++) expected = crc32c(bytes, byte, byte + 1, expected)
      expect(crc32c(bytes, at, bytes.length, crc32c(bytes, 0, at))).toBe(expected)
    }),
  )
})
