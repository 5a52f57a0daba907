import { RefusedError } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import { type Producer, readInt64, writeInt64 } from '../../record-batch/format.ts'

/** A partition, the last transaction that a writer has committed there, and the offset after that transaction's last record. */
export interface CommittedPartition extends Producer {
  readonly topic: string
  /** A different topic with the same name has a different id. */
  readonly topicId: string
  readonly partition: number
  readonly end: number
}

/** A transaction that was committed, whose markers may not all be durable yet. */
export interface Decided extends Producer {
  /** All partitions that the writer has committed to, in this transaction or before. */
  readonly partitions: readonly CommittedPartition[]
}

/** The content of a journal. */
export interface JournalRecord {
  /** The owner's present transaction. Everything with a lower epoch of this id is decided. */
  readonly producer: Producer
  /** The last committed transaction; every other one with a lower epoch was aborted. */
  readonly decided: Decided | null
}

/** A record, and its number in its journal. */
export interface NumberedRecord {
  readonly record: JournalRecord
  readonly sequence: number
}

const MAGIC = 0x4d524a32 // "MRJ2"
const CRC_AT = 4
const LENGTH_AT = 8
const EPOCH_AT = 12
const SEQUENCE_AT = 16
const ID_AT = 24
const HEAD_BYTES = 32
/** In a decision, each partition takes some 350 bytes at most: 2,995 of them fit. */
export const SLOT_BYTES = 1024 * 1024

/** Throws `TRANSACTION_TOO_LARGE`. */
export function encodeRecord({ record, sequence }: NumberedRecord, transactionalId: string): Buffer {
  const { producer, decided } = record
  const text = Buffer.from(JSON.stringify({ decided }))
  if (HEAD_BYTES + text.length > SLOT_BYTES) {
    throw new RefusedError(
      'TRANSACTION_TOO_LARGE',
      `Writer ${transactionalId} wrote to ${decided?.partitions.length} partitions in one transaction, and the maximum is ` +
        'some 3,000. Write to fewer partitions, or commit more often',
    )
  }
  const bytes = Buffer.concat([Buffer.alloc(HEAD_BYTES), text])
  bytes.writeUInt32BE(MAGIC, 0)
  bytes.writeUInt32BE(bytes.length, LENGTH_AT)
  bytes.writeInt32BE(producer.epoch, EPOCH_AT)
  writeInt64(bytes, sequence, SEQUENCE_AT)
  writeInt64(bytes, producer.id, ID_AT)
  bytes.writeUInt32BE(crc32c(bytes, LENGTH_AT, bytes.length), CRC_AT)
  return bytes
}

/** Reads a record with `read`, which fills a buffer and returns how many bytes there are; undefined if none is whole there. */
export function decodeRecord(read: (bytes: Buffer) => number): NumberedRecord | undefined {
  const head = Buffer.alloc(HEAD_BYTES)
  if (read(head) < HEAD_BYTES || head.readUInt32BE(0) !== MAGIC) return undefined
  const length = head.readUInt32BE(LENGTH_AT)
  if (length < HEAD_BYTES || length > SLOT_BYTES) return undefined
  const bytes = Buffer.alloc(length)
  if (read(bytes) < length) return undefined
  if (bytes.readUInt32BE(CRC_AT) !== crc32c(bytes, LENGTH_AT, length)) return undefined
  const { decided } = JSON.parse(bytes.toString('utf8', HEAD_BYTES)) as Pick<JournalRecord, 'decided'>
  const producer = { id: readInt64(bytes, ID_AT), epoch: bytes.readInt32BE(EPOCH_AT) }
  return { record: { producer, decided }, sequence: readInt64(bytes, SEQUENCE_AT) }
}
