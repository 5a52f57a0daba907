import { crc32c as nativeCrc32c } from '@node-rs/crc32'

/** Below this a call into native code costs more than the table: measured, see docs/performance.md. */
const NATIVE_BYTES_MIN = 200

const TABLES = makeTables()

/** CRC-32C (Castagnoli) of `bytes[start, end)`, as an unsigned 32-bit number. */
export function crc32c(bytes: Buffer, start: number, end: number): number {
  if (end - start >= NATIVE_BYTES_MIN) return nativeCrc32c(bytes.subarray(start, end))
  let crc = 0xffffffff
  const table = TABLES
  for (let at = start; at < end; at++) crc = (table[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

function makeTables(): Uint32Array {
  const polynomial = 0x82f63b78
  const table = new Uint32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    table[byte] = crc
  }
  return table
}
