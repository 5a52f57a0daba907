import { MillraceError } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BatchBuilder } from './batch-builder.ts'
import { batchBytes, isWhole, nextOffset } from './batch-header.ts'
import { filterBatch } from './filter-batch.ts'
import { ATTRIBUTES_AT, COUNT_AT, HEADER_BYTES } from './format.ts'
import { RecordCursor } from './record-cursor.ts'
import { type DecodedRecord, decodeSegment } from './testing/decode-segment.ts'

const text = fc.option(fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constant('x'.repeat(70))))
const header = fc.tuple(fc.string({ maxLength: 4 }), fc.option<Uint8Array>(fc.uint8Array({ maxLength: 3 })))
const record = fc.record({
  key: text,
  value: text,
  timestamp: fc.oneof(fc.nat(200), fc.integer({ min: 0, max: 2 ** 51 })),
  headers: fc.array(header, { maxLength: 2 }),
})
type Plain = typeof record extends fc.Arbitrary<infer T> ? T : never
const batches = fc.array(fc.array(record, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 })

/** From the count of records on, everything is what a reader follows. */
const RECORDS_FROM = COUNT_AT

/** Batches one after the other, as in a segment. */
function segmentOf(groups: readonly (readonly Plain[])[], from: number): Buffer {
  const builder = new BatchBuilder(100_000)
  let offset = from
  return Buffer.concat(
    groups.map((records) => {
      builder.clear()
      for (const { key, value, timestamp, headers } of records) write(builder, key, value, timestamp, headers)
      const batch = Buffer.from(builder.finish(offset))
      offset += records.length
      return batch
    }),
  )
}

function expected(groups: readonly (readonly Plain[])[], from: number): DecodedRecord[] {
  const list = (value: string | null) => (value === null ? null : [...Buffer.from(value)])
  return groups.flat().map(({ key, value, timestamp, headers }, index) => ({
    offset: BigInt(from + index),
    timestamp: BigInt(timestamp),
    key: list(key),
    value: list(value),
    headers: headers.map(([name, bytes]) => [Buffer.from(name).toString(), bytes && [...bytes]] as const),
  }))
}

/** What our own codec reads until a batch is not whole. */
function readSegment(segment: Buffer): { offsets: number[]; wholeBytes: number } {
  const cursor = new RecordCursor('t', 0)
  const offsets: number[] = []
  let at = 0
  while (segment.length - at >= HEADER_BYTES) {
    const bytes = batchBytes(segment, at)
    if (bytes === undefined || at + bytes > segment.length || !isWhole(segment, at, bytes)) break
    cursor.open(segment, at, 0)
    while (cursor.next()) {
      cursor.headers()
      offsets.push(cursor.offset)
    }
    at += bytes
  }
  return { offsets, wholeBytes: at }
}

describe('a segment that we write', () => {
  test("is read by an independent decoder, written from Kafka's description", () => {
    fc.assert(
      fc.property(batches, fc.nat(2 ** 31), (groups, from) => {
        const segment = segmentOf(groups, from)
        expect(decodeSegment(segment)).toEqual({ records: expected(groups, from), wholeBytes: segment.length })
      }),
    )
  })

  test('cut off anywhere is whole up to a batch, for both decoders', () => {
    fc.assert(
      fc.property(batches, fc.nat(), (groups, cut) => {
        const segment = segmentOf(groups, 5)
        const torn = segment.subarray(0, cut % segment.length)
        const whole = decodeSegment(torn)
        expect(readSegment(torn)).toEqual({
          offsets: whole.records.map(({ offset }) => Number(offset)),
          wholeBytes: whole.wholeBytes,
        })
        expect(whole.records).toEqual(expected(groups, 5).slice(0, whole.records.length))
        expect(whole.wholeBytes).toBeLessThan(segment.length)
      }),
    )
  })

  test('with any one bit flipped gives no record that was not written, but for the base offset, which no checksum covers', () => {
    const groups = [
      [{ key: 'a', value: 'b', timestamp: 1, headers: [] }],
      [{ key: 'c', value: null, timestamp: 2, headers: [['h', null] as [string, null]] }],
    ]
    const segment = segmentOf(groups, 0)
    const first = batchBytes(segment, 0) ?? 0
    for (let bit = 0; bit < segment.length * 8; bit++) {
      const byte = bit >> 3
      const inBatch = byte < first ? byte : byte - first
      // Kafka leaves base offset and leader epoch outside its checksum, so that brokers can set them.
      if (inBatch < 8 || (inBatch >= 12 && inBatch < 16)) continue
      const flipped = Buffer.from(segment)
      flipped.writeUInt8(flipped.readUInt8(byte) ^ (1 << (bit & 7)), byte)
      const { offsets, wholeBytes } = readSegment(flipped)
      expect({ bit, offsets, wholeBytes }).toEqual({
        bit,
        offsets: byte < first ? [] : [0],
        wholeBytes: byte < first ? 0 : first,
      })
    }
  })
})

test('a batch with the right checksum and wrong content is refused, never read past its end', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 4 }), damage, (records, changes) => {
      const batch = segmentOf([records], 0)
      // Other bytes follow a batch in a reader's buffer: they look like plausible records.
      const segment = Buffer.concat([batch, Buffer.alloc(200, 2)])
      for (const [where, byte] of changes) {
        const at = RECORDS_FROM + (where % (batch.length - RECORDS_FROM))
        segment.writeUInt8(byte, at)
      }
      const cursor = new RecordCursor('t', 0)
      try {
        cursor.open(segment, 0, 0)
        while (cursor.next()) {
          expect(Math.max(cursor.recordEnd, cursor.keyEnd, cursor.valueEnd)).toBeLessThanOrEqual(batch.length)
          cursor.headers()
          if (cursor.findHeader('h')) expect(cursor.headerEnd).toBeLessThanOrEqual(cursor.recordEnd)
          expect(cursor.offset).toBeLessThan(cursor.nextOffset)
        }
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error
        expect(error.code).toBe('LOG_DAMAGED')
      }
    }),
    { numRuns: 2_000 },
  )
})

test('a compressed batch is refused with a message that states the reason', () => {
  const batch = segmentOf([[{ key: 'a', value: 'b', timestamp: 1, headers: [] }]], 0)
  batch.writeInt16BE(4, ATTRIBUTES_AT)
  expect(() => new RecordCursor('t', 0).open(batch, 0, 0)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
})

test('a filtered batch keeps its other records as they were, at their offsets', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(record, fc.boolean()), { minLength: 1, maxLength: 8 }), (choices) => {
      const groups = [choices.map(([each]) => each)]
      const batch = segmentOf(groups, 100)
      const kept = filterBatch(batch, 0, batch.length, ({ offset }) => choices[offset - 100]?.[1] === true)
      const left = expected(groups, 100).filter((_, index) => choices[index]?.[1] === true)
      if (kept === undefined) {
        expect(left).toEqual([])
        return
      }
      // The last offset stays, even if its record was removed: the naive decoder would reject that, ours must not.
      expect(nextOffset(kept, 0)).toBe(nextOffset(batch, 0))
      expect(readSegment(kept)).toEqual({
        offsets: left.map(({ offset }) => Number(offset)),
        wholeBytes: kept.length,
      })
      if (choices.at(-1)?.[1] === true) expect(decodeSegment(kept).records).toEqual(left)
    }),
  )
})
