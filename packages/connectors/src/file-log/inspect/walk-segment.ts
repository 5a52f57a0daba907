import { MillraceError, type OpenFile } from '@millrace/core'
import { baseOffset } from '../../record-batch/batch-header.ts'
import { LAST_OFFSET_DELTA_AT } from '../../record-batch/format.ts'
import { RecordCursor } from '../../record-batch/record-cursor.ts'
import { type BatchScanner, describeDamage, type Found } from '../partition/batch-scanner.ts'
import { segmentScanner } from '../partition/scan.ts'

/** Where a whole batch is, and the content of its header. */
interface FoundBatch {
  readonly position: number
  readonly bytes: number
  readonly baseOffset: number
  readonly nextOffset: number
}

/** A batch without problems. */
export interface WalkedBatch extends FoundBatch {
  readonly kind: 'batch'
  /** The batch's bytes, until the walk continues. */
  readonly buffer: Buffer
}

/** Bytes that are not a batch, or not the batch that should be there; no bytes if batches are missing. */
export interface WalkedDamage {
  readonly kind: 'damage'
  readonly position: number
  readonly end: number
  /** The offset that should be at `position`, and the offset of the next whole batch if that is known. */
  readonly offset: number
  readonly nextOffset: number | undefined
  readonly what: string
  /** Only the base offset is wrong: the right one follows from the batches around it. */
  readonly baseOffsetOnly: boolean
}

/** What a walk through a segment must know about the rest of the partition. */
export interface SegmentWalk {
  /** Where the walk begins, and the offset that should be there. */
  readonly position: number
  readonly offset: number
  /** How many bytes of the file are read. */
  readonly limit: number
  /** The offset after the segment; undefined if it is not known. */
  readonly nextBase: number | undefined
  /** No offset of the partition is higher: bytes with a higher one are not a batch of it. */
  readonly offsetMax: number
}

/**
 * Reads through a segment, and continues after damage: after bytes that are not a whole batch, it searches for the next one.
 * Bytes are taken for a batch of the segment only if their checksum is right, their offsets are possible, and the header of
 * the damaged batch or the batch after them agrees: a record's value may also contain a batch.
 */
export function* walkSegment(
  file: OpenFile,
  walk: SegmentWalk,
): Generator<WalkedBatch | WalkedDamage, void, undefined> {
  const { limit, nextBase } = walk
  const scanner = segmentScanner(file, limit, limit - walk.position)
  let { position, offset: expected } = walk
  while (position < limit) {
    scanner.moveTo(position, expected)
    const found = scanner.find()
    if (found === 'whole') {
      const { bytes, nextOffset } = scanner
      const buffer = scanner.buffer.subarray(scanner.at, scanner.at + bytes)
      const end = position + bytes
      if (recordsFit(buffer)) {
        yield { kind: 'batch', position, bytes, baseOffset: expected, nextOffset, buffer }
      } else {
        const what =
          'the checksum of the batch there is right, but its records do not fit into it: its writer was faulty'
        yield damage(position, end, expected, nextOffset, what)
      }
      position = end
      expected = nextOffset
      continue
    }
    const other = found === 'offset' ? foundBatch(scanner) : undefined
    const damaged =
      other !== undefined && other.nextOffset > other.baseOffset
        ? wrongOffset(scanner, walk, other, expected)
        : resync(scanner, walk, position, expected)
    yield damaged
    if (damaged.nextOffset === undefined) return
    position = damaged.end
    expected = damaged.nextOffset
  }
  if (nextBase !== undefined && expected < nextBase) {
    yield damage(
      limit,
      limit,
      expected,
      nextBase,
      `the segment ends here, but ${offsets(expected, nextBase)} should follow`,
    )
  }
}

function damage(
  position: number,
  end: number,
  offset: number,
  nextOffset: number | undefined,
  what: string,
  baseOffsetOnly = false,
): WalkedDamage {
  return { kind: 'damage', position, end, offset, nextOffset, what, baseOffsetOnly }
}

function foundBatch(scanner: BatchScanner): FoundBatch {
  const { position, bytes, nextOffset } = scanner
  return { position, bytes, baseOffset: baseOffset(scanner.buffer, scanner.at), nextOffset }
}

/** The whole batch at `position`, with offsets within `[offsetMin, offsetMax]`; undefined if the bytes there are not such a batch. */
function wholeAt(
  scanner: BatchScanner,
  position: number,
  offsetMin: number,
  offsetMax: number,
): FoundBatch | undefined {
  scanner.moveTo(position, offsetMin)
  if (!isWithin(scanner.findHeader())) return undefined
  const found = foundBatch(scanner)
  // The offsets come first: in bytes that are not a batch they are almost never right, and a checksum takes longer.
  if (found.baseOffset < offsetMin || found.nextOffset > offsetMax || found.nextOffset <= found.baseOffset)
    return undefined
  return isWithin(scanner.find()) ? found : undefined
}

/** Whether it is a batch as far as it was checked, whatever its base offset. */
const isWithin = (found: Found) => found === 'whole' || found === 'offset'

/** A whole batch with another base offset than the one that follows from the batch before. */
function wrongOffset(scanner: BatchScanner, walk: SegmentWalk, found: FoundBatch, expected: number): WalkedDamage {
  const { position } = found
  const end = position + found.bytes
  const follower = end === walk.limit ? walk.nextBase : wholeAt(scanner, end, 0, Number.MAX_SAFE_INTEGER)?.baseOffset
  if (follower !== found.nextOffset) {
    const next = expected + found.nextOffset - found.baseOffset
    const what = `offset ${expected} should be there, not ${found.baseOffset}: only the base offset of the batch is wrong`
    return damage(position, end, expected, next, what, true)
  }
  if (found.baseOffset > expected) {
    const what = `${offsets(expected, found.baseOffset)} are missing before the batch there`
    return damage(position, position, expected, found.baseOffset, what)
  }
  return resync(scanner, walk, position, expected)
}

/** The damage at `position`, up to the next batch of the segment. */
function resync(scanner: BatchScanner, walk: SegmentWalk, position: number, expected: number): WalkedDamage {
  const { limit, nextBase, offsetMax } = walk
  scanner.moveTo(position, expected)
  const found = scanner.find()
  const hasHeader = found !== 'cut' && found !== 'short'
  const stated = hasHeader ? baseOffset(scanner.buffer, scanner.at) : expected
  const what =
    describeDamage(found, scanner) +
    (found === 'checksum' && stated !== expected ? ` (it states offset ${stated})` : '')
  const ownEnd = hasHeader && found !== 'length' ? position + scanner.bytes : undefined
  if (ownEnd !== undefined) {
    // If the length and the last offset of the damaged batch both lead to the next one, only its content is damaged.
    const ownNext = expected + scanner.buffer.readInt32BE(scanner.at + LAST_OFFSET_DELTA_AT) + 1
    const landing = ownEnd === limit ? nextBase : wholeAt(scanner, ownEnd, expected, offsetMax)?.baseOffset
    if (landing === ownNext) return damage(position, ownEnd, expected, ownNext, what)
  }
  for (let at = scanner.candidateFrom(position + 1); at !== undefined; at = scanner.candidateFrom(at + 1)) {
    const next = wholeAt(scanner, at, expected, offsetMax)
    if (next === undefined || (at !== ownEnd && !isFollowed(scanner, walk, next))) continue
    return damage(position, at, expected, next.baseOffset, what)
  }
  return damage(position, limit, expected, nextBase, what)
}

function isFollowed(scanner: BatchScanner, walk: SegmentWalk, found: FoundBatch): boolean {
  const end = found.position + found.bytes
  if (end === walk.limit) return walk.nextBase === undefined || walk.nextBase === found.nextOffset
  return wholeAt(scanner, end, found.nextOffset, walk.offsetMax)?.baseOffset === found.nextOffset
}

function recordsFit(batch: Buffer): boolean {
  const cursor = new RecordCursor('', 0)
  try {
    cursor.open(batch, 0, 0)
    while (cursor.next());
    return true
  } catch (error) {
    // A batch that another program compressed is whole, although it cannot be read here.
    return error instanceof MillraceError && error.code === 'UNSUPPORTED'
  }
}

/** `offset 7` or `offsets 7 to 9`, of `[from, to)`. */
export function offsets(from: number, to: number): string {
  return to - from === 1 ? `offset ${from}` : `offsets ${from} to ${to - 1}`
}
