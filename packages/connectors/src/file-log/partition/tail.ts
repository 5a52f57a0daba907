import type { OpenFile } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import { type Producer, readInt64, writeInt64 } from '../../record-batch/format.ts'
import { COMMITTED_BYTES, type CommittedProducers, KNOWN_PRODUCERS_MAX, NO_PRODUCERS } from './committed-producers.ts'

/** A transaction that has records in a partition and no marker yet. */
export interface OpenTransaction extends Producer {
  /** The offset of its first record in the partition: nothing from there on is committed to readers yet. */
  readonly firstOffset: number
}

/** A place in a partition: everything before it is known to survive a power cut. */
export interface SyncedPoint {
  /** The base offset of the segment, and the bytes of it that are durable, with all segments before it. */
  readonly base: number
  readonly bytes: number
  readonly nextOffset: number
  /** The transactions that were open at this place. */
  readonly open: readonly OpenTransaction[]
  readonly committed: CommittedProducers
}

/**
 * The content of a partition's file `tail`: where the next append goes, and how much of the partition is decided. The same
 * file is the partition's lock: the process that holds its advisory lock may append, and rewrites the file after every
 * append. Readers read it without the lock; a checksum shows them that they read it half written.
 *
 * The tail is only a hint about the segment files. It is not synced with every append, so that after a power cut it may be
 * older than they are, newer, or missing. A process that opens a partition compares them, and recovers under the lock if it
 * must.
 */
export interface Tail {
  /** The base offset of the segment that is appended to. */
  readonly activeBase: number
  /** How many bytes of it are whole batches. */
  readonly activeBytes: number
  /** The offset that the next record gets. */
  readonly nextOffset: number
  /** The offset of the first record that is kept. */
  readonly startOffset: number
  /** The greatest record timestamp in the active segment; -1 if it is empty. */
  readonly maxTimestamp: number
  /** Segments that start before this have been compacted. */
  readonly compactedBefore: number
  /** The topic was deleted: a process that still has the file open must stop. */
  readonly deleted: boolean
  /**
   * What must be done before the next append; any process may do it. `settle`: a torn end was cut off, and the active segment
   * must be synced, so that it cannot reappear. `roll`: the active segment is full; it must be synced, and the next one begun.
   * `seal`: the topic is being rescaled, so nothing is appended, unless the process that rescales it is dead.
   */
  readonly pending: 'settle' | 'roll' | 'seal' | null
  /**
   * Grows when a process rewrites bytes of the active segment, or its length, while something is pending: another process's
   * sync that began before does not cover that. Less than 2^24; then it starts again.
   */
  readonly rewrites: number
  /** The boot that it was written in (`bootMark`): in another boot, recovery must read the files first. */
  readonly boot: number
  /** The transactions that are not decided yet, by first offset. */
  readonly open: readonly OpenTransaction[]
  /** The producers whose commits are here. */
  readonly committed: CommittedProducers
  readonly synced: SyncedPoint
}

/** So many transactions may be open in one partition at once: several times the number of writers that one machine can run. */
export const OPEN_TRANSACTIONS_MAX = 256

export const EMPTY_TAIL: Tail = {
  activeBase: 0,
  activeBytes: 0,
  nextOffset: 0,
  startOffset: 0,
  maxTimestamp: -1,
  compactedBefore: 0,
  deleted: false,
  pending: null,
  rewrites: 0,
  boot: 0,
  open: [],
  committed: NO_PRODUCERS,
  synced: { base: 0, bytes: 0, nextOffset: 0, open: [], committed: NO_PRODUCERS },
}

/** The end of what is committed: the first record whose transaction is not decided. */
export function stableOffset(tail: Tail): number {
  return tail.open[0]?.firstOffset ?? tail.nextOffset
}

/** A boot's id as a number, as a tail keeps it. */
export function bootMark(boot: string): number {
  return crc32c(Buffer.from(boot), 0, boot.length)
}

const MAGIC = 0x4d525434 // "MRT4"
const CRC_AT = 4
const LENGTH_AT = 8
const FLAGS_AT = 12
const DELETED = 1
const SETTLE = 2
const ROLL = 4
const SEAL = 8
const PENDING_FLAGS = { settle: SETTLE, roll: ROLL, seal: SEAL } as const
const REWRITES_SHIFT = 8
const REWRITES = 2 ** 24
const HEAD_BYTES = 100
const ENTRY_BYTES = 24
const TAIL_BYTES_MAX = HEAD_BYTES + 2 * (OPEN_TRANSACTIONS_MAX * ENTRY_BYTES + KNOWN_PRODUCERS_MAX * COMMITTED_BYTES)

/** A read that races with a write of another process fails its checksum; the write takes microseconds. */
const READ_TRIES = 5

const buffer = Buffer.alloc(TAIL_BYTES_MAX)

/** Reads a tail; undefined if there is none or it is damaged. */
export function readTail(file: OpenFile): Tail | undefined {
  for (let tries = 0; tries < READ_TRIES; tries++) {
    const held = file.read(buffer, 0, TAIL_BYTES_MAX, 0)
    if (held < HEAD_BYTES || buffer.readUInt32BE(0) !== MAGIC) return undefined
    const length = buffer.readUInt32BE(LENGTH_AT)
    if (length < HEAD_BYTES || length > held) continue
    if (buffer.readUInt32BE(CRC_AT) !== crc32c(buffer, LENGTH_AT, length)) continue
    const openEnd = HEAD_BYTES + buffer.readUInt16BE(92) * ENTRY_BYTES
    const syncedOpenEnd = openEnd + buffer.readUInt16BE(94) * ENTRY_BYTES
    const committedEnd = syncedOpenEnd + buffer.readUInt16BE(96) * COMMITTED_BYTES
    const flags = buffer.readUInt32BE(FLAGS_AT)
    return {
      deleted: (flags & DELETED) !== 0,
      pending: pendingIn(flags),
      rewrites: flags >>> REWRITES_SHIFT,
      activeBase: readInt64(buffer, 16),
      activeBytes: readInt64(buffer, 24),
      nextOffset: readInt64(buffer, 32),
      startOffset: readInt64(buffer, 40),
      compactedBefore: readInt64(buffer, 48),
      maxTimestamp: readInt64(buffer, 56),
      boot: buffer.readUInt32BE(88),
      open: readOpen(HEAD_BYTES, openEnd),
      committed: readCommitted(syncedOpenEnd, committedEnd),
      synced: {
        base: readInt64(buffer, 64),
        bytes: readInt64(buffer, 72),
        nextOffset: readInt64(buffer, 80),
        open: readOpen(openEnd, syncedOpenEnd),
        committed: readCommitted(committedEnd, length),
      },
    }
  }
  return undefined
}

/** Rewrites a tail. The caller holds the file's lock. */
export function writeTail(file: OpenFile, tail: Tail): void {
  const { open, committed, synced } = tail
  const openBytes = (open.length + synced.open.length) * ENTRY_BYTES
  const length = HEAD_BYTES + openBytes + committed.length + synced.committed.length
  buffer.writeUInt32BE(MAGIC, 0)
  buffer.writeUInt32BE(length, LENGTH_AT)
  buffer.writeUInt32BE(flagsOf(tail), FLAGS_AT)
  writeInt64(buffer, tail.activeBase, 16)
  writeInt64(buffer, tail.activeBytes, 24)
  writeInt64(buffer, tail.nextOffset, 32)
  writeInt64(buffer, tail.startOffset, 40)
  writeInt64(buffer, tail.compactedBefore, 48)
  writeInt64(buffer, tail.maxTimestamp, 56)
  writeInt64(buffer, synced.base, 64)
  writeInt64(buffer, synced.bytes, 72)
  writeInt64(buffer, synced.nextOffset, 80)
  buffer.writeUInt32BE(tail.boot, 88)
  buffer.writeUInt16BE(open.length, 92)
  buffer.writeUInt16BE(synced.open.length, 94)
  buffer.writeUInt16BE(committed.length / COMMITTED_BYTES, 96)
  buffer.writeUInt16BE(synced.committed.length / COMMITTED_BYTES, 98)
  let at = writeOpen(open, HEAD_BYTES)
  at = writeOpen(synced.open, at)
  at += committed.copy(buffer, at)
  at += synced.committed.copy(buffer, at)
  buffer.writeUInt32BE(crc32c(buffer, LENGTH_AT, length), CRC_AT)
  file.write(buffer, 0, at, 0)
}

function flagsOf({ deleted, pending, rewrites }: Tail): number {
  const what = pending === null ? 0 : PENDING_FLAGS[pending]
  return (rewrites % REWRITES) * 2 ** REWRITES_SHIFT + what + (deleted ? DELETED : 0)
}

function pendingIn(flags: number): Tail['pending'] {
  if ((flags & SEAL) !== 0) return 'seal'
  if ((flags & ROLL) !== 0) return 'roll'
  return (flags & SETTLE) !== 0 ? 'settle' : null
}

const NONE: readonly OpenTransaction[] = []

function readOpen(from: number, to: number): readonly OpenTransaction[] {
  if (from === to) return NONE
  const open: OpenTransaction[] = []
  for (let at = from; at < to; at += ENTRY_BYTES) {
    open.push({
      id: readInt64(buffer, at),
      firstOffset: readInt64(buffer, at + 8),
      epoch: buffer.readInt32BE(at + 16),
    })
  }
  return open
}

function readCommitted(from: number, to: number): CommittedProducers {
  return from === to ? NO_PRODUCERS : Buffer.from(buffer.subarray(from, to))
}

function writeOpen(open: readonly OpenTransaction[], from: number): number {
  let at = from
  for (const { id, firstOffset, epoch } of open) {
    writeInt64(buffer, id, at)
    writeInt64(buffer, firstOffset, at + 8)
    buffer.writeInt32BE(epoch, at + 16)
    buffer.writeInt32BE(0, at + 20)
    at += ENTRY_BYTES
  }
  return at
}
