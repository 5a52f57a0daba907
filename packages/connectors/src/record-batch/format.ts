/**
 * Kafka's RecordBatch, version 2 (magic 2), as its protocol guide describes it: https://kafka.apache.org/documentation/#recordbatch
 *
 * All numbers are big-endian. Position of each field from the batch's first byte:
 */
export const BASE_OFFSET_AT = 0
/** Bytes of the batch after this field. */
export const LENGTH_AT = 8
export const LEADER_EPOCH_AT = 12
export const MAGIC_AT = 16
/** CRC-32C of everything from `attributes` to the end: base offset and leader epoch can change without it. */
export const CRC_AT = 17
export const ATTRIBUTES_AT = 21
export const LAST_OFFSET_DELTA_AT = 23
export const BASE_TIMESTAMP_AT = 27
export const MAX_TIMESTAMP_AT = 35
export const PRODUCER_ID_AT = 43
export const PRODUCER_EPOCH_AT = 51
export const BASE_SEQUENCE_AT = 53
export const COUNT_AT = 57
export const HEADER_BYTES = 61

/** The bytes that the length field does not count: base offset and length. */
export const LENGTH_OVERHEAD_BYTES = 12

export const MAGIC = 2
export const COMPRESSION_MASK = 0x07
export const TRANSACTIONAL_BIT = 0x10
export const CONTROL_BIT = 0x20
/** The base timestamp is the batch's delete horizon (KIP-534); the records' timestamp differences count from it. */
export const DELETE_HORIZON_BIT = 0x40

/** No producer: -1 in its fields. */
export const NO_PRODUCER = -1

/**
 * The writer of a batch of a transaction. Id and epoch together identify one transaction: a producer's epoch grows with each
 * one, as Kafka's does since KIP-890, so that a marker cannot be taken for that of another transaction.
 */
export interface Producer {
  readonly id: number
  /** 0 to 32767. */
  readonly epoch: number
}

/** The epoch is a signed 16-bit number; after it a producer takes a new id. */
export const EPOCH_MAX = 2 ** 15 - 1

/**
 * An ordinary batch is closed when it reaches either limit. 5000 records of 200 B are about 1 MiB, so that neither limit
 * alone decides for the usual sizes; a batch is the unit of a write, of a checksum and of what a reader holds.
 */
export const BATCH_RECORDS_MAX = 5000
export const BATCH_BYTES_TARGET = 1024 * 1024

/** The length field is a signed 32-bit number. */
export const BATCH_BYTES_MAX = 2 ** 31 - 1

/**
 * Timestamp differences are zig-zag encoded, which doubles them, and must stay exact as numbers: 2^52 doubled is 2^53. Each
 * end of a difference gets half of 2^52, which is the year 73326.
 */
export const TIMESTAMP_MAX = 2 ** 51

const TWO_32 = 2 ** 32

/** Writes a 64-bit integer that is safe as a number. */
export function writeInt64(buffer: Buffer, value: number, at: number): void {
  buffer.writeInt32BE(Math.floor(value / TWO_32), at)
  buffer.writeUInt32BE(((value % TWO_32) + TWO_32) % TWO_32, at + 4)
}

/** Reads a 64-bit integer; one that is not safe as a number is returned as some unsafe number. */
export function readInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * TWO_32 + buffer.readUInt32BE(at + 4)
}
