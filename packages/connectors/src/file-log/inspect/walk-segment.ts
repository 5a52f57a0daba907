import { MillraceError, type OpenFile } from '@millrace/core'
import { baseOffset, batchBytes } from '../../record-batch/batch-header.ts'
import { HEADER_BYTES, LAST_OFFSET_DELTA_AT, MAGIC, MAGIC_AT } from '../../record-batch/format.ts'
import { RecordCursor } from '../../record-batch/record-cursor.ts'
import { type FoundBatch, SegmentBytes } from './segment-bytes.ts'

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
  const bytes = new SegmentBytes(file, limit)
  let { position, offset: expected } = walk
  while (position < limit) {
    const found = bytes.wholeAt(position, 0, Number.MAX_SAFE_INTEGER)
    if (found?.baseOffset === expected) {
      const buffer = bytes.view(position, found.bytes)
      const end = position + found.bytes
      if (recordsFit(buffer)) {
        yield { kind: 'batch', ...found, buffer }
      } else {
        const what =
          'the checksum of the batch there is right, but its records do not fit into it: it was written wrong'
        yield damage(position, end, expected, found.nextOffset, what)
      }
      position = end
      expected = found.nextOffset
      continue
    }
    const damaged =
      found === undefined ? resync(bytes, walk, position, expected) : wrongOffset(bytes, walk, found, expected)
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

/** A whole batch with another base offset than the one that follows from the batch before. */
function wrongOffset(bytes: SegmentBytes, walk: SegmentWalk, found: FoundBatch, expected: number): WalkedDamage {
  const { position } = found
  const end = position + found.bytes
  const follower = end === walk.limit ? walk.nextBase : bytes.wholeAt(end, 0, Number.MAX_SAFE_INTEGER)?.baseOffset
  if (follower !== found.nextOffset) {
    const next = expected + found.nextOffset - found.baseOffset
    const what = `offset ${expected} should be there, not ${found.baseOffset}: the batch is whole but for its base offset`
    return damage(position, end, expected, next, what, true)
  }
  if (found.baseOffset > expected) {
    const what = `${offsets(expected, found.baseOffset)} are missing before the batch there`
    return damage(position, position, expected, found.baseOffset, what)
  }
  return resync(bytes, walk, position, expected)
}

/** The damage at `position`, up to the next batch of the segment. */
function resync(bytes: SegmentBytes, walk: SegmentWalk, position: number, expected: number): WalkedDamage {
  const { limit, nextBase, offsetMax } = walk
  const head = bytes.view(position, HEADER_BYTES)
  const what = whatIsBroken(head, position, expected, limit)
  const ownBytes = head.length < HEADER_BYTES ? undefined : batchBytes(head, 0)
  const ownEnd = ownBytes === undefined ? undefined : position + ownBytes
  if (ownEnd !== undefined) {
    // If the length and the last offset of the damaged batch both lead to the next one, only its content is damaged.
    const ownNext = expected + head.readInt32BE(LAST_OFFSET_DELTA_AT) + 1
    const landing = ownEnd === limit ? nextBase : bytes.wholeAt(ownEnd, expected, offsetMax)?.baseOffset
    if (landing === ownNext) return damage(position, ownEnd, expected, ownNext, what)
  }
  for (let at = bytes.nextCandidate(position + 1); at !== undefined; at = bytes.nextCandidate(at + 1)) {
    const found = bytes.wholeAt(at, expected, offsetMax)
    if (found === undefined || (at !== ownEnd && !isFollowed(bytes, walk, found))) continue
    return damage(position, at, expected, found.baseOffset, what)
  }
  return damage(position, limit, expected, nextBase, what)
}

function isFollowed(bytes: SegmentBytes, walk: SegmentWalk, found: FoundBatch): boolean {
  const end = found.position + found.bytes
  if (end === walk.limit) return walk.nextBase === undefined || walk.nextBase === found.nextOffset
  return bytes.wholeAt(end, found.nextOffset, walk.offsetMax)?.baseOffset === found.nextOffset
}

function whatIsBroken(head: Buffer, position: number, expected: number, limit: number): string {
  if (head.length < HEADER_BYTES) return 'the segment ends in the middle of a batch'
  const bytes = batchBytes(head, 0)
  if (bytes === undefined) return 'no batch has such a length'
  if (position + bytes > limit) return `a batch of ${bytes} bytes does not fit before the segment's end`
  if (head.readInt8(MAGIC_AT) !== MAGIC) return 'the batch there is of no known format'
  const base = baseOffset(head, 0)
  const stated = base === expected ? '' : ` (it says offset ${base})`
  return `the checksum of the batch there is wrong${stated}`
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
