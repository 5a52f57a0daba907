import { write } from '@millrace/core/conformance'
import { expect, test } from 'vitest'
import { CompactionPolicy, TOMBSTONE_KEPT_MS } from './compaction-policy.ts'
import { BatchBuilder } from './record-batch/batch-builder.ts'
import { RecordCursor } from './record-batch/record-cursor.ts'

const NOW_MS = 10 * TOMBSTONE_KEPT_MS

/** The offsets that stay of some records, given as key, value and timestamp. */
function kept(records: readonly (readonly [key: string | null, value: string | null, timestamp: number])[]): number[] {
  const builder = new BatchBuilder(1000)
  for (const record of records) write(builder, ...record)
  const batch = builder.finish(0)
  const cursor = new RecordCursor('t', 0)
  const policy = new CompactionPolicy(NOW_MS)
  cursor.open(batch, 0, 0)
  while (cursor.next()) policy.note(cursor)
  const offsets: number[] = []
  cursor.open(batch, 0, 0)
  while (cursor.next()) if (policy.keeps(cursor)) offsets.push(cursor.offset)
  return offsets
}

test('compaction keeps the latest record of each key, by offset and not by time', () => {
  const records = [
    ['a', '1', 9],
    ['b', '2', 8],
    ['a', '3', 1],
    ['', '4', 1],
    ['', '5', 1],
  ] as const
  expect(kept(records)).toEqual([1, 2, 4])
})

test('compaction keeps every record without a key', () => {
  const records = [
    [null, '1', 1],
    [null, '2', 1],
  ] as const
  expect(kept(records)).toEqual([0, 1])
})

test('a tombstone takes its key away at once, and goes itself when it has been there for its time', () => {
  const just = NOW_MS - TOMBSTONE_KEPT_MS
  const records = [
    ['old', '1', just],
    ['young', '2', just],
    ['old', null, just - 1],
    ['young', null, just],
  ] as const
  expect(kept(records)).toEqual([3])
})
