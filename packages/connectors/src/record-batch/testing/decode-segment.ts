/**
 * A second decoder of Kafka's RecordBatch v2, for tests only: written from the format's description, byte by byte and with
 * BigInt. It shares nothing with the codec that it checks. https://kafka.apache.org/documentation/#recordbatch
 */

export interface DecodedRecord {
  readonly offset: bigint
  readonly timestamp: bigint
  readonly key: number[] | null
  readonly value: number[] | null
  readonly headers: (readonly [string, number[] | null])[]
}

export interface DecodedSegment {
  readonly records: DecodedRecord[]
  /** Bytes of whole batches from the start; the rest is torn or damaged. */
  readonly wholeBytes: number
}

/** Decodes batches until the end, or until one is not whole. Throws if a whole batch is malformed. */
export function decodeSegment(segment: Uint8Array): DecodedSegment {
  const records: DecodedRecord[] = []
  let at = 0
  while (segment.length - at >= 61) {
    const length = Number(bigEndian(segment, at + 8, 4))
    if (length < 49 || at + 12 + length > segment.length) break
    const batch = segment.slice(at, at + 12 + length)
    if (batch[16] !== 2 || Number(BigInt.asUintN(32, bigEndian(batch, 17, 4))) !== crc32c(batch.slice(21))) break
    records.push(...decodeBatch(batch))
    at += batch.length
  }
  return { records, wholeBytes: at }
}

function decodeBatch(batch: Uint8Array): DecodedRecord[] {
  const baseOffset = bigEndian(batch, 0, 8)
  const attributes = bigEndian(batch, 21, 2)
  const lastOffsetDelta = bigEndian(batch, 23, 4)
  const baseTimestamp = bigEndian(batch, 27, 8)
  const maxTimestamp = bigEndian(batch, 35, 8)
  const count = Number(bigEndian(batch, 57, 4))
  if (attributes !== 0n) throw new Error(`attributes ${attributes}`)
  for (const [name, at, bytes] of [
    ['producer id', 43, 8],
    ['producer epoch', 51, 2],
    ['base sequence', 53, 4],
  ] as const) {
    if (bigEndian(batch, at, bytes) !== -1n) throw new Error(`${name} ${bigEndian(batch, at, bytes)}`)
  }
  const input = new Input(batch, 61)
  const records = Array.from({ length: count }, (): DecodedRecord => {
    const record = new Input(input.take(Number(input.varint())) ?? new Uint8Array(), 0)
    const [recordAttributes] = record.take(1) ?? []
    if (recordAttributes !== 0) throw new Error(`record attributes ${recordAttributes}`)
    const timestamp = baseTimestamp + record.varint()
    const offset = baseOffset + record.varint()
    const key = list(record.take(Number(record.varint())))
    const value = list(record.take(Number(record.varint())))
    const headers = Array.from({ length: Number(record.varint()) }, () => {
      const name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
        record.take(Number(record.varint())) ?? undefined,
      )
      return [name, list(record.take(Number(record.varint())))] as const
    })
    record.mustBeAtItsEnd()
    return { offset, timestamp, key, value, headers }
  })
  input.mustBeAtItsEnd()
  const last = records.at(-1)
  if (last !== undefined && last.offset !== baseOffset + lastOffsetDelta) throw new Error(`last offset ${last.offset}`)
  const greatest = Math.max(...records.map(({ timestamp }) => Number(timestamp)))
  if (greatest !== Number(maxTimestamp)) throw new Error(`max timestamp ${maxTimestamp}, not ${greatest}`)
  return records
}

class Input {
  readonly #bytes: Uint8Array
  #at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  varint(): bigint {
    let zigZag = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.take(1)?.[0] ?? 0
      zigZag |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return (zigZag >> 1n) ^ -(zigZag & 1n)
    }
  }

  /** So many bytes; null for -1. */
  take(length: number): Uint8Array | null {
    if (length === -1) return null
    if (length < 0 || this.#at + length > this.#bytes.length) throw new Error(`${length} bytes at ${this.#at}`)
    this.#at += length
    return this.#bytes.slice(this.#at - length, this.#at)
  }

  mustBeAtItsEnd(): void {
    if (this.#at !== this.#bytes.length) throw new Error(`${this.#bytes.length - this.#at} bytes too many`)
  }
}

function list(bytes: Uint8Array | null): number[] | null {
  return bytes === null ? null : [...bytes]
}

/** A signed big-endian integer. */
function bigEndian(bytes: Uint8Array, at: number, length: number): bigint {
  const unsigned = bytes.slice(at, at + length).reduce((value, byte) => value * 256n + BigInt(byte), 0n)
  return BigInt.asIntN(length * 8, unsigned)
}

/** Bit by bit, as the polynomial defines it. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}
