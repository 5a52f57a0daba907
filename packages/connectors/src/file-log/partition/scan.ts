import type { OpenFile } from '@millrace/core'
import { baseOffset, batchBytes, isWhole, maxTimestamp, nextOffset } from '../../record-batch/batch-header.ts'
import { HEADER_BYTES, LENGTH_OVERHEAD_BYTES } from '../../record-batch/format.ts'

const CHUNK_BYTES = 1024 * 1024

/** A whole batch, and where it is in its segment. */
export interface ScannedBatch {
  readonly position: number
  readonly bytes: number
  readonly baseOffset: number
  readonly nextOffset: number
  readonly maxTimestamp: number
  /** Holds the batch from `at` on, until the next one is scanned. */
  readonly buffer: Buffer
  readonly at: number
}

/**
 * The batches of a segment from `position` on, each verified, up to `limit` or to the first that is not whole. The checksum
 * does not cover a batch's base offset. The base offset is right if it is the offset after the batch before (`offset` for the
 * first one), since a segment has no gaps.
 */
export function* scanBatches(
  file: OpenFile,
  position: number,
  offset: number,
  limit: number,
): Generator<ScannedBatch, void, undefined> {
  let expected = offset
  let buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, Math.max(HEADER_BYTES, limit - position)))
  let held = 0
  let at = 0
  for (;;) {
    const known = held - at >= LENGTH_OVERHEAD_BYTES ? batchBytes(buffer, at) : HEADER_BYTES
    // No batch can be so long that it passes the limit.
    if (known === undefined || position + known > limit) return
    if (held - at < known || held - at < HEADER_BYTES) {
      buffer.copyWithin(0, at, held)
      held -= at
      at = 0
      if (known > buffer.length) {
        const larger = Buffer.allocUnsafeSlow(known)
        buffer.copy(larger, 0, 0, held)
        buffer = larger
      }
      const read = file.read(buffer, held, Math.min(buffer.length - held, limit - position - held), position + held)
      if (read === 0) return
      held += read
      continue
    }
    if (!isWhole(buffer, at, known) || baseOffset(buffer, at) !== expected) return
    const next = nextOffset(buffer, at)
    yield {
      position,
      bytes: known,
      baseOffset: expected,
      nextOffset: next,
      maxTimestamp: maxTimestamp(buffer, at),
      buffer,
      at,
    }
    expected = next
    position += known
    at += known
  }
}

/** Whether there is a whole batch anywhere from `position` on: if so, what is broken before it is not a torn end. */
export function holdsBatchAfter(file: OpenFile, position: number): boolean {
  const size = file.size()
  if (size - position <= HEADER_BYTES) return false
  const rest = Buffer.allocUnsafe(size - position)
  const held = file.read(rest, 0, rest.length, position)
  for (let at = 1; at + HEADER_BYTES <= held; at++) {
    const bytes = batchBytes(rest, at)
    if (bytes !== undefined && at + bytes <= held && isWhole(rest, at, bytes)) return true
  }
  return false
}
