import { type Batch, type PartitionReader, string } from '@millrace/core'
import { expect, test } from 'vitest'
import { SourceInput } from './source-input.ts'

/** A batch without records, whose tombstones are deleted. */
const gone = (baseOffset: number, nextOffset: number) =>
  ({ topic: 't', partition: 0, baseOffset, nextOffset, tombstonesGone: true, next: () => false }) as Batch

function readerOf(batch: Batch, compactedBefore: number): PartitionReader {
  const batches = [batch]
  return {
    topic: 't',
    partition: 0,
    position: 0,
    endOffset: batch.nextOffset,
    compactedBefore,
    poll: () => batches.shift(),
    secure: async () => {},
    secured: true,
    seek: () => undefined,
    close: () => undefined,
  }
}

function inputOf(): SourceInput {
  const spec = { topic: 't', partition: 0, key: string(), value: string(), readsKey: true, readsValue: true }
  const source = { topicId: 'id', extract: undefined, idleAfterMs: 1000, aheadMaxMs: 1000, now: () => 0 }
  return new SourceInput(spec, source, () => undefined)
}

test('an input that begins at the start misses no tombstones of what was compacted before', () => {
  const input = inputOf()
  input.load(undefined)
  input.start(readerOf(gone(5, 10), 10), true)
  expect(input.head).toBe('none')
  expect(input.offset).toBe(10)
})

test('an input that began at the start misses tombstones that were compacted and dropped since', () => {
  const input = inputOf()
  input.load(undefined)
  input.start(readerOf(gone(5, 11), 10), true)
  expect(() => input.head).toThrow(expect.objectContaining({ code: 'TOMBSTONES_GONE' }))
})

test('an input remembers over a restart how far its partition was compacted when it began, until it has passed that', () => {
  const first = inputOf()
  first.load(undefined)
  first.start(readerOf(gone(5, 10), 20), true)
  expect(first.head).toBe('none')
  const checkpoint = JSON.parse(JSON.stringify(first.checkpoint()))
  const second = inputOf()
  second.load(checkpoint)
  // More was compacted meanwhile: that does not count for what was read before.
  second.start(readerOf(gone(10, 20), 30), false)
  expect(second.head).toBe('none')
  const later = JSON.parse(JSON.stringify(second.checkpoint()))
  expect(later).not.toHaveProperty('compactedBefore')
  const third = inputOf()
  third.load(checkpoint)
  third.start(readerOf(gone(10, 21), 30), false)
  expect(() => third.head).toThrow(expect.objectContaining({ code: 'TOMBSTONES_GONE' }))
})

test('an input that continues from a checkpoint stops before a batch whose tombstones are gone', () => {
  const input = inputOf()
  input.load({ offset: 3, progress: { watermark: 1, topicId: 'id' } })
  input.start(readerOf(gone(5, 10), 10), false)
  expect(() => input.head).toThrow(expect.objectContaining({ code: 'TOMBSTONES_GONE' }))
})

test('an input that another process has moved past the limit of this run stays where it is', () => {
  const input = inputOf()
  input.load({ offset: 17, progress: { watermark: 1, topicId: 'id' } })
  const batch = {
    topic: 't',
    partition: 0,
    baseOffset: 17,
    nextOffset: 19,
    offset: 17,
    tombstonesGone: false,
    next: () => true,
  }
  input.start({ ...readerOf(batch as unknown as Batch, 0), position: 17 }, false)
  input.limit = 16
  expect(input.head).toBe('none')
  expect(input.offset).toBe(17)
  expect(input.atEnd).toBe(true)
})
