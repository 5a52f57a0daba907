import { readVarint, varintBytes, varintEnd, writeVarint } from './varint.ts'

/** A timestamp difference takes at least one byte and at most 8; the record's length may then take one more. */
const GROWTH_BYTES_MAX = 8

/** The first record's timestamp difference; the records start at `start`. */
export function firstDifference(buffer: Buffer, start: number): number {
  return readVarint(buffer, varintEnd(buffer, start) + 1)
}

/**
 * The records of a batch, `buffer[start, end)`, for a batch whose base timestamp is lower by `by`: each difference grows by
 * `by`, and all else is copied. The batch's content was checked before: its records are whole.
 */
export function rebaseRecords(buffer: Buffer, start: number, end: number, count: number, by: number): Buffer {
  // A record has at least 7 bytes: so even an impossible count takes no more memory than the batch.
  const rebased = Buffer.allocUnsafe(end - start + Math.min(count, end - start) * GROWTH_BYTES_MAX)
  let from = start
  let to = 0
  for (let left = count; left > 0 && from < end; left--) {
    // Length, attributes, timestamp difference, then the bytes that do not change.
    const attributesAt = varintEnd(buffer, from)
    const differenceEnd = varintEnd(buffer, attributesAt + 1)
    const recordEnd = attributesAt + readVarint(buffer, from)
    const difference = readVarint(buffer, attributesAt + 1) + by
    to = writeVarint(rebased, 1 + varintBytes(difference) + recordEnd - differenceEnd, to)
    rebased[to++] = buffer[attributesAt] ?? 0
    to = writeVarint(rebased, difference, to)
    to += buffer.copy(rebased, to, differenceEnd, recordEnd)
    from = recordEnd
  }
  return rebased.subarray(0, to)
}
