import { write } from '@millrace/core/conformance'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compactBatch, TOMBSTONE_KEPT_MS } from './compaction-policy.ts'
import { BatchBuilder } from './record-batch/batch-builder.ts'
import { deleteHorizonMs, isWhole, recordsChecksum } from './record-batch/batch-header.ts'
import { RecordCursor } from './record-batch/record-cursor.ts'

const NOW_MS = 10 * TOMBSTONE_KEPT_MS

type Plain = readonly [key: string | null, value: string | null, timestamp: number]

function batchOf(records: readonly Plain[]): Buffer {
  const builder = new BatchBuilder(1000)
  for (const record of records) write(builder, ...record)
  return Buffer.from(builder.finish(0))
}

/** The records of a batch, by offset. */
function recordsIn(batch: Buffer): Map<number, Plain> {
  expect(isWhole(batch, 0, batch.length)).toBe(true)
  const cursor = new RecordCursor('t', 0)
  const records = new Map<number, Plain>()
  cursor.open(batch, 0, 0)
  while (cursor.next()) {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd, offset, timestamp } = cursor
    const text = (start: number, end: number) => (start < 0 ? null : bytes.toString('utf8', start, end))
    records.set(offset, [text(keyStart, keyEnd), text(valueStart, valueEnd), timestamp])
  }
  return records
}

/** Compacts one batch alone. */
function compacted(batch: Buffer, nowMs = NOW_MS, compactedBefore = 100, compactedUntil = 100) {
  const latest = new Map<string | null, number>()
  for (const [offset, [key]] of recordsIn(batch)) latest.set(key, offset)
  const superseded = ({ bytes, keyStart, keyEnd, offset }: RecordCursor) =>
    (latest.get(bytes.toString('utf8', keyStart, keyEnd)) ?? -1) > offset
  return compactBatch(batch, 0, batch.length, { superseded, nowMs, compactedBefore, compactedUntil })
}

const keptOf = (batch: Buffer) => [...recordsIn(batch).keys()]

test('compaction keeps the latest record of each key, by offset and not by time', () => {
  const batch = batchOf([
    ['a', '1', 9],
    ['b', '2', 8],
    ['a', '3', 1],
    ['', '4', 1],
    ['', '5', 1],
  ])
  expect(keptOf(compacted(batch).kept ?? batch)).toEqual([1, 2, 4])
})

test('compaction keeps every record without a key', () => {
  const batch = batchOf([
    [null, '1', 1],
    [null, null, 1],
    [null, '2', 1],
  ])
  expect(compacted(batch)).toEqual({ kept: batch, tombstonesGone: false })
})

test('a tombstone gets a delete horizon when it is first compacted, and goes when that has passed', () => {
  const batch = batchOf([
    ['old', '1', 5],
    ['old', null, 5],
  ])
  const first = compacted(batch).kept ?? expect.fail('the tombstone is kept')
  expect(deleteHorizonMs(first, 0)).toBe(NOW_MS + TOMBSTONE_KEPT_MS)
  expect(recordsIn(first)).toEqual(new Map([[1, ['old', null, 5]]]))
  const second = compacted(first, NOW_MS + TOMBSTONE_KEPT_MS - 1)
  expect(second).toEqual({ kept: first, tombstonesGone: false })
  expect(compacted(first, NOW_MS + TOMBSTONE_KEPT_MS)).toEqual({ kept: undefined, tombstonesGone: true })
})

test('a batch whose tombstones are deleted has a permanent note of that', () => {
  const batch = batchOf([
    ['gone', null, 5],
    ['stays', '1', 7],
  ])
  const first = compacted(batch).kept ?? expect.fail('all is kept')
  const { kept = batch, tombstonesGone } = compacted(first, NOW_MS + TOMBSTONE_KEPT_MS)
  expect(tombstonesGone).toBe(true)
  expect(recordsIn(kept)).toEqual(new Map([[1, ['stays', '1', 7]]]))
  expect(compacted(kept, NOW_MS)).toEqual({ kept, tombstonesGone: true })
})

test('the time of a tombstone begins only when all keys of its batch are known', () => {
  const batch = batchOf([['k', null, 5]])
  expect(compacted(batch, NOW_MS, 0, 0)).toEqual({ kept: batch, tombstonesGone: false })
})

test('a tombstone stays while it is not recorded that its batch has been compacted', () => {
  const first = compacted(batchOf([['k', null, 5]])).kept ?? expect.fail('the tombstone is kept')
  expect(compacted(first, 2 * NOW_MS, 0)).toEqual({ kept: first, tombstonesGone: false })
  expect(compacted(first, 2 * NOW_MS, 1)).toEqual({ kept: undefined, tombstonesGone: true })
})

test('a superseded tombstone is deleted at once, without a trace', () => {
  const batch = batchOf([
    ['k', null, 5],
    ['k', 'again', 6],
  ])
  const { kept = batch, tombstonesGone } = compacted(batch)
  expect(tombstonesGone).toBe(false)
  expect(deleteHorizonMs(kept, 0)).toBeUndefined()
  expect(keptOf(kept)).toEqual([1])
})

test('a delete horizon changes neither records nor their checksum, whatever their times', () => {
  const time = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 51 }))
  const text = fc.option(fc.oneof(fc.string({ maxLength: 8 }), fc.constant('x'.repeat(70))))
  const records = fc.array(fc.tuple(text, text, time), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(records, time, (plain, nowMs) => {
      const unique = plain.map(
        ([key, value, at], index) => [key === null ? null : `${index}${key}`, value, at] as const,
      )
      const batch = batchOf(unique)
      const { kept = batch } = compacted(batch, nowMs)
      expect(recordsIn(kept)).toEqual(recordsIn(batch))
      expect(recordsChecksum(kept, 0)).toBe(recordsChecksum(batch, 0))
    }),
  )
})
