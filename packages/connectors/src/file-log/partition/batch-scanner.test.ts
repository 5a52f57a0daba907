import type { OpenFile } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { setBaseOffset } from '../../record-batch/batch-builder.ts'
import { emptyBatch } from '../../record-batch/filter-batch.ts'
import { BASE_OFFSET_AT, CRC_AT, HEADER_BYTES, LENGTH_AT, MAGIC_AT } from '../../record-batch/format.ts'
import { BatchScanner, describeDamage } from './batch-scanner.ts'

const BATCHES = 100

describe('a scanner of batches', () => {
  test.each([1, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 1, 1000, 100_000])(
    'finds every batch, whatever the size of its reads: %i bytes',
    (readBytes) => {
      const scanner = scannerOf(segment(), readBytes)
      const offsets: number[] = []
      for (; scanner.find() === 'whole'; scanner.pass()) offsets.push(scanner.offset)
      expect(offsets).toEqual(Array.from({ length: BATCHES }, (_, index) => index))
      expect(scanner.find()).toBe('end')
    },
  )

  test.each<[string, string, (bytes: Buffer) => number]>([
    ['a limit in the middle of a header', 'the segment ends in the middle of a batch', () => HEADER_BYTES - 1],
    [
      'a length that no batch has',
      'the length of the batch there is impossible',
      (bytes) => set(bytes, LENGTH_AT + 3, 1),
    ],
    ['a length beyond the limit', 'does not fit before the segment', (bytes) => set(bytes, LENGTH_AT + 1, 1)],
    ['a file that is shorter than its limit', 'the file is shorter than', (bytes) => bytes.length + HEADER_BYTES],
    ['another format', 'has no known format', (bytes) => set(bytes, MAGIC_AT, 1)],
    ['another checksum', 'the checksum of the batch there is wrong', (bytes) => set(bytes, CRC_AT, 0)],
    ['another base offset', 'offset 0 should be there, not 7', (bytes) => set(bytes, BASE_OFFSET_AT + 7, 7)],
  ])('describes what it finds instead of a batch: %s', (_case, what, damage) => {
    const bytes = segment()
    const limit = damage(bytes)
    const scanner = scannerOf(bytes, 1000)
    scanner.limitTo(limit)
    if (limit > bytes.length) while (scanner.find() === 'whole') scanner.pass()
    expect(describeDamage(scanner.find(), scanner)).toContain(what)
  })

  test('finds what was appended meanwhile when its limit is moved', () => {
    const bytes = segment()
    const scanner = scannerOf(bytes, 1000)
    scanner.limitTo(HEADER_BYTES)
    scanner.find()
    scanner.pass()
    expect(scanner.find()).toBe('end')
    scanner.limitTo(2 * HEADER_BYTES)
    expect(scanner.find()).toBe('whole')
  })
})

/** A segment of empty batches, each of one offset. */
function segment(): Buffer {
  return Buffer.concat(
    Array.from({ length: BATCHES }, (_, offset) => {
      const batch = emptyBatch(0, 1)
      setBaseOffset(batch, offset)
      return batch
    }),
  )
}

function set(bytes: Buffer, at: number, value: number): number {
  bytes[at] = value
  return bytes.length
}

function scannerOf(bytes: Buffer, readBytes: number): BatchScanner {
  const file: Pick<OpenFile, 'read'> = {
    read: (buffer, at, length, position) => bytes.copy(buffer, at, position, position + length),
  }
  const scanner = new BatchScanner(file as OpenFile, Buffer.alloc(readBytes), readBytes)
  scanner.limitTo(bytes.length)
  return scanner
}
