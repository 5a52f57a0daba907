import { NO_HEADERS, type Serde } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import { BatchBuilder } from './batch-builder.ts'
import { ATTRIBUTES_AT, CONTROL_BIT, CRC_AT, type Producer, TRANSACTIONAL_BIT } from './format.ts'
import { RecordCursor } from './record-cursor.ts'

/** How a transaction ended. */
export type Outcome = 'committed' | 'aborted'

/** The key of a control record is its version and its type, 16 bits each: https://kafka.apache.org/documentation/#controlbatch */
const KEY_BYTES = 4
const TYPES: Record<Outcome, number> = { aborted: 0, committed: 1 }
const RECORD_BYTES_MAX = 64

/** The value of an end marker is its version (16 bits) and the coordinator's epoch (32). There is no coordinator here: zeros. */
const END_MARKER = Buffer.alloc(6)

const endMarkerSerde: Serde<Buffer> = {
  name: 'end transaction marker',
  order: 'none',
  primitive: false,
  encode: (value, out) => out.bytes(value),
  decode: (bytes, start, end) => Buffer.from(bytes.subarray(start, end)),
  toJson: (value) => value.toString('hex'),
  fromJson: (json) => Buffer.from(String(json), 'hex'),
}

/** The batch that ends a producer's transaction in a partition. */
export function controlBatch(producer: Producer, outcome: Outcome, timestamp: number): Buffer {
  const builder = new BatchBuilder(RECORD_BYTES_MAX)
  const key = Buffer.alloc(KEY_BYTES)
  key.writeInt16BE(TYPES[outcome], 2)
  builder.append(timestamp, key, 0, KEY_BYTES, END_MARKER, endMarkerSerde, NO_HEADERS)
  const batch = builder.finish(0, producer)
  batch.writeInt16BE(TRANSACTIONAL_BIT | CONTROL_BIT, ATTRIBUTES_AT)
  batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT, batch.length), CRC_AT)
  return batch
}

/** The outcome in a control batch that starts at `at`; undefined if it does not end a transaction. */
export function outcomeOf(buffer: Buffer, at: number): Outcome | undefined {
  const cursor = new RecordCursor('', 0)
  cursor.open(buffer, at, 0)
  if (!cursor.next() || cursor.keyEnd - cursor.keyStart < KEY_BYTES) return undefined
  const type = buffer.readInt16BE(cursor.keyStart + 2)
  if (type === TYPES.committed) return 'committed'
  return type === TYPES.aborted ? 'aborted' : undefined
}
