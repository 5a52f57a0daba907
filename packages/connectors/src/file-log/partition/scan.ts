import type { OpenFile } from '@millrace/core'
import { maxTimestamp } from '../../record-batch/batch-header.ts'
import { HEADER_BYTES } from '../../record-batch/format.ts'
import { BatchScanner } from './batch-scanner.ts'

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
 * The batches of a segment from `position` on, each verified, up to `limit` or to the first that is not whole, or does not have
 * the offset after the batch before (`offset` for the first one).
 */
export function* scanBatches(
  file: OpenFile,
  position: number,
  offset: number,
  limit: number,
): Generator<ScannedBatch, void, undefined> {
  const scanner = segmentScanner(file, limit, limit - position)
  scanner.moveTo(position, offset)
  while (scanner.find() === 'whole') {
    const { buffer, at, bytes, nextOffset } = scanner
    yield {
      position: scanner.position,
      bytes,
      baseOffset: scanner.offset,
      nextOffset,
      maxTimestamp: maxTimestamp(buffer, at),
      buffer,
      at,
    }
    scanner.pass()
  }
}

/** Whether there is a whole batch anywhere after `position`: if so, what is broken there is not a torn end. */
export function holdsBatchAfter(file: OpenFile, position: number): boolean {
  const size = file.size()
  const scanner = segmentScanner(file, size, size - position)
  for (let at = scanner.candidateFrom(position + 1); at !== undefined; at = scanner.candidateFrom(at + 1)) {
    scanner.moveTo(at, 0)
    const found = scanner.find()
    if (found === 'whole' || found === 'offset') return true
  }
  return false
}

/** A scanner with a buffer for whole batches of which there are about so many bytes to read. */
export function segmentScanner(file: OpenFile, limit: number, bytes: number): BatchScanner {
  const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, Math.max(HEADER_BYTES, bytes)))
  const scanner = new BatchScanner(file, buffer, CHUNK_BYTES)
  scanner.limitTo(limit)
  return scanner
}
