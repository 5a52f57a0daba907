import type { Header, Headers, Serde } from '@millrace/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BatchBuilder } from './batch-builder.ts'
import { batchBytes, isWhole } from './batch-header.ts'
import { RecordCursor } from './record-cursor.ts'

const bytesSerde: Serde<Uint8Array> = {
  name: 'bytes',
  order: 'bytes',
  primitive: false,
  encode: (value, out) => out.bytes(value),
  decode: (bytes, start, end) => Buffer.from(bytes.subarray(start, end)),
  toJson: String,
  fromJson: () => new Uint8Array(),
}

interface Plain {
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Headers
}

const someBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.uint8Array({ minLength: 60, maxLength: 70 }),
  fc.uint8Array({ minLength: 8180, maxLength: 8200 }),
)
const header: fc.Arbitrary<Header> = fc.tuple(
  fc.string({ maxLength: 9 }),
  fc.option<Uint8Array>(fc.uint8Array({ maxLength: 9 })),
)
const record: fc.Arbitrary<Plain> = fc.record({
  timestamp: fc.integer({ min: 0, max: 2 ** 51 }),
  key: fc.option(someBytes),
  value: fc.option(someBytes),
  headers: fc.array(header, {
    maxLength: 3,
  }),
})

function build(records: readonly Plain[], baseOffset: number): Buffer {
  const builder = new BatchBuilder(1 << 20)
  for (const { timestamp, key, value, headers } of records) {
    const bytes = key === null ? null : Buffer.from(key)
    builder.append(timestamp, bytes, 0, bytes?.length ?? 0, value, bytesSerde, headers)
  }
  return Buffer.from(builder.finish(baseOffset))
}

function read(batch: Buffer, from = 0): (Plain & { readonly offset: number })[] {
  const cursor = new RecordCursor('t', 0)
  cursor.open(batch, 0, from)
  const records = []
  while (cursor.next()) {
    const { offset, timestamp, bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor
    records.push({
      offset,
      timestamp,
      key: keyStart < 0 ? null : new Uint8Array(bytes.subarray(keyStart, keyEnd)),
      value: valueStart < 0 ? null : new Uint8Array(bytes.subarray(valueStart, valueEnd)),
      headers: cursor.headers().map(([name, value]) => [name, value && new Uint8Array(value)] as const),
    })
  }
  return records
}

describe('a record batch', () => {
  test('returns the records that were appended', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 12 }), fc.maxSafeNat(), (records, base) => {
        const baseOffset = Math.min(base, Number.MAX_SAFE_INTEGER - 100)
        const batch = build(records, baseOffset)
        expect(batchBytes(batch, 0)).toBe(batch.length)
        expect(isWhole(batch, 0, batch.length)).toBe(true)
        expect(read(batch)).toEqual(records.map((each, index) => ({ ...each, offset: baseOffset + index })))
      }),
    )
  })

  test('can be read from any of its offsets', () => {
    const records = [1, 2, 3].map((timestamp) => ({ timestamp, key: null, value: null, headers: [] }))
    expect(read(build(records, 10), 11).map(({ offset }) => offset)).toEqual([11, 12])
  })

  test('is found damaged if any one bit behind the leader epoch is flipped', () => {
    const batch = build([{ timestamp: 5, key: new Uint8Array([1]), value: new Uint8Array([2, 3]), headers: [] }], 7)
    for (let bit = 16 * 8; bit < batch.length * 8; bit++) {
      const flipped = Buffer.from(batch)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(isWhole(flipped, 0, flipped.length), `bit ${bit}`).toBe(false)
    }
  })

  test('leaves out a record that is refused, and nothing else', () => {
    const builder = new BatchBuilder(100)
    const add = (bytes: number, timestamp = 1) =>
      builder.append(timestamp, null, 0, 0, new Uint8Array(bytes), bytesSerde, [])
    add(10)
    expect(() => add(101)).toThrow(expect.objectContaining({ code: 'RECORD_TOO_LARGE' }))
    expect(() => add(1, -1)).toThrow(expect.objectContaining({ code: 'BAD_TIMESTAMP' }))
    expect(() => add(1, 1.5)).toThrow(expect.objectContaining({ code: 'BAD_TIMESTAMP' }))
    const failing = {
      ...bytesSerde,
      encode: () => {
        throw new Error('no')
      },
    }
    expect(() => builder.append(1, null, 0, 0, new Uint8Array(1), failing, [])).toThrow('no')
    add(20)
    expect(read(Buffer.from(builder.finish(0))).map(({ value }) => value?.length)).toEqual([10, 20])
  })

  test('finds a header by its name', () => {
    const headers = [
      ['other', null],
      ['m', new Uint8Array([9, 8])],
    ] as const
    const cursor = new RecordCursor('t', 0)
    cursor.open(build([{ timestamp: 1, key: null, value: null, headers }], 0), 0, 0)
    cursor.next()
    expect(cursor.findHeader('w')).toBe(false)
    expect(cursor.findHeader('m')).toBe(true)
    expect([...cursor.bytes.subarray(cursor.headerStart, cursor.headerEnd)]).toEqual([9, 8])
  })
})
