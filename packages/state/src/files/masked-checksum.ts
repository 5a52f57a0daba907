import { crc32c } from '@millrace/core/checksum'

const MASK_DELTA = 0xa282ead8

/** LevelDB's form of a checksum: rotated, so that a checksum of data that contains checksums still works. */
export function maskedCrc32c(bytes: Buffer, start: number, end: number): number {
  const crc = crc32c(bytes, start, end)
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0
}
