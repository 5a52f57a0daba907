import { crc32c as nativeCrc32c } from '@node-rs/crc32'

/** Below this the call into native code costs more than the table walk: measured break-even near 200 bytes. */
const NATIVE_BYTES_MIN = 192
/** Castagnoli's polynomial, reflected. */
const POLYNOMIAL = 0x82f63b78

const TABLE = makeTable()

/** CRC-32C of `bytes[start, end)`, continuing from the checksum of what came before. */
export function crc32c(bytes: Buffer, start: number, end: number, before = 0): number {
  if (end - start >= NATIVE_BYTES_MIN) return nativeCrc32c(bytes.subarray(start, end), before)
  let crc = ~before
  for (let at = start; at < end; at++) crc = (TABLE[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8)
  return ~crc >>> 0
}

function makeTable(): Int32Array {
  const table = new Int32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    table[byte] = crc
  }
  return table
}
