/** The places of the fields of Kafka's RecordBatch v2, as the hand-written loops need them. */
export const LENGTH_AT = 8
export const MAGIC_AT = 16
export const CRC_AT = 17
export const ATTRIBUTES_AT = 21
/** A bit of the attributes: the batch ends a transaction. */
export const CONTROL_BIT = 0x20
export const LAST_OFFSET_DELTA_AT = 23
export const BASE_TIMESTAMP_AT = 27
export const MAX_TIMESTAMP_AT = 35
export const PRODUCER_AT = 43
export const COUNT_AT = 57
export const HEADER_BYTES = 61
/** The length field counts what follows it. */
export const LENGTH_OVERHEAD_BYTES = 12
export const MAGIC = 2

const TWO_32 = 2 ** 32

export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4)
}

export function writeInt64(bytes: Buffer, value: number, at: number): void {
  bytes.writeInt32BE(Math.floor(value / TWO_32), at)
  bytes.writeUInt32BE(((value % TWO_32) + TWO_32) % TWO_32, at + 4)
}
