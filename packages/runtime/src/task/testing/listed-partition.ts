import {
  type Batch,
  ByteWriter,
  type Header,
  type Headers,
  type PartitionReader,
  type PartitionWriter,
  type Serde,
} from '@millrace/core'
import { strictUtf8 } from '@millrace/core/internal'

/** A record of a partition that is a list. */
export interface ListedRecord {
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Headers
}

/** A partition that is a list in memory: written and read without a log, for testing what tasks do alone. */
export class ListedPartition implements PartitionWriter {
  readonly topic: string
  readonly partition: number
  readonly records: ListedRecord[] = []
  readonly nextOffset = -1
  /** Called before a record is appended: an error that it throws is thrown by the append. */
  refuse: (record: ListedRecord) => void = () => undefined
  #marked: number | undefined

  constructor(topic: string, partition = 0) {
    this.topic = topic
    this.partition = partition
  }

  append<V>(
    timestamp: number,
    keyBytes: Buffer | null,
    keyStart: number,
    keyEnd: number,
    value: V | null,
    serde: Serde<V>,
    headers: Headers,
  ): void {
    const record = {
      timestamp,
      key: keyBytes === null ? null : Buffer.from(keyBytes.subarray(keyStart, keyEnd)),
      value: value === null ? null : bytesOf(serde, value),
      headers: headers.map(([name, bytes]): Header => [name, bytes === null ? null : Buffer.from(bytes)]),
    }
    this.refuse(record)
    this.records.push(record)
  }

  mark(): void {
    this.#marked = this.records.length
  }

  release(): void {
    this.#marked = undefined
  }

  rewind(): void {
    if (this.#marked !== undefined) this.records.length = this.#marked
    this.#marked = undefined
  }

  /** Reads from an offset on. Each record is one batch. */
  read(position = 0): PartitionReader {
    const { topic, partition, records } = this
    let at = position
    return {
      topic,
      partition,
      get position() {
        return at
      },
      get endOffset() {
        return records.length
      },
      compactedBefore: 0,
      poll: () => {
        const record = records[at]
        return record === undefined ? undefined : new ListedBatch(topic, partition, at++, record)
      },
      secure: async () => {},
      secured: true,
      seek: (offset) => {
        at = offset
      },
      close: () => undefined,
    }
  }
}

/** The values of records whose serde is `int32`. */
export function valuesOf(records: readonly ListedRecord[]): number[] {
  return records.map(({ value }) => value?.readInt32BE(0) ?? Number.NaN)
}

/** The bytes of a value. */
export function bytesOf<V>(serde: Serde<V>, value: V): Buffer {
  const out = new ByteWriter()
  serde.encode(value, out)
  return Buffer.from(out.toBytes())
}

/** A batch of one record; its key, value and the header that was found last follow one another in `bytes`. */
class ListedBatch implements Batch {
  readonly topic: string
  readonly partition: number
  readonly baseOffset: number
  readonly nextOffset: number
  readonly tombstonesGone = false
  readonly checksum = 0
  readonly offset: number
  readonly timestamp: number
  readonly keyStart: number
  readonly keyEnd: number
  readonly valueStart: number
  readonly valueEnd: number
  bytes: Buffer
  readonly #record: ListedRecord
  #given = false

  constructor(topic: string, partition: number, offset: number, record: ListedRecord) {
    const { timestamp, key, value } = record
    this.topic = topic
    this.partition = partition
    this.offset = offset
    this.baseOffset = offset
    this.nextOffset = offset + 1
    this.timestamp = timestamp
    this.bytes = Buffer.concat([key ?? Buffer.alloc(0), value ?? Buffer.alloc(0)])
    this.keyStart = key === null ? -1 : 0
    this.keyEnd = key?.length ?? -1
    this.valueStart = value === null ? -1 : (key?.length ?? 0)
    this.valueEnd = this.bytes.length
    this.#record = record
  }

  get headerStart(): number {
    return Math.max(this.valueEnd, 0)
  }

  get headerEnd(): number {
    return this.bytes.length
  }

  recordsChecksum(): number {
    return 0
  }

  next(): boolean {
    const first = !this.#given
    this.#given = true
    return first
  }

  valueText(): string {
    return strictUtf8(this.bytes, this.valueStart, this.valueEnd)
  }

  headers(): Headers {
    return this.#record.headers
  }

  findHeader(name: string): boolean {
    const header = this.#record.headers.find(([each]) => each === name)
    if (header === undefined) return false
    this.bytes = Buffer.concat([this.bytes.subarray(0, this.headerStart), header[1] ?? Buffer.alloc(0)])
    return true
  }
}
