import type { PartitionReader } from '../contracts/log.ts'
import type { Serde } from '../contracts/serde.ts'
import type { RecordAppender } from '../contracts/writers.ts'
import { type Headers, NO_HEADERS } from '../headers.ts'

/** Text as UTF-8, with as little as a suite needs. */
export const textSerde: Serde<string> = {
  name: 'text',
  order: 'bytes',
  primitive: true,
  encode: (value, out) => out.utf8(value),
  decode: (bytes, start, end) => bytes.toString('utf8', start, end),
  toJson: (value) => value,
  fromJson: String,
}

/** A record that was read, with key and value as text. */
export interface ReadRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: Headers
}

/** Appends a record of text. Default: at 1 ms since the epoch, without headers. */
export function write(
  to: RecordAppender,
  key: string | null,
  value: string | null,
  timestamp = 1,
  headers: Headers = NO_HEADERS,
): void {
  const bytes = key === null ? null : Buffer.from(key)
  to.append(timestamp, bytes, 0, bytes?.length ?? 0, value, textSerde, headers)
}

/** Everything that there is now, from the reader's position on. */
export function readAll(reader: PartitionReader): ReadRecord[] {
  const records: ReadRecord[] = []
  for (let batch = reader.poll(); batch !== undefined; batch = reader.poll()) {
    while (batch.next()) {
      const { offset, timestamp, bytes, keyStart, keyEnd, valueStart, valueEnd } = batch
      records.push({
        offset,
        timestamp,
        key: keyStart < 0 ? null : bytes.toString('utf8', keyStart, keyEnd),
        value: valueStart < 0 ? null : bytes.toString('utf8', valueStart, valueEnd),
        headers: batch.headers(),
      })
    }
  }
  return records
}
