import type { FileSystem, OpenFile } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import { readInt64, writeInt64 } from '../../record-batch/format.ts'
import { indexPath } from '../paths.ts'
import { scanBatches, segmentScanner } from './scan.ts'

/** About one entry for so many bytes of a segment: a look-up scans little more than that. */
const INDEX_INTERVAL_BYTES = 64 * 1024
/** An index that is further than this behind its closed segment is rebuilt. */
const INDEX_LAG_BYTES_MAX = 1024 * 1024
/** How much is read to check that an entry's batch exists: most batches are at most this large. */
const CHUNK_BYTES = 4096
/** Bytes of an entry; entries follow one another from the file's start. */
export const ENTRY_BYTES = 32
const CRC_AT = 24

/** Where a batch starts in its segment, and the greatest timestamp of everything before it. */
export interface IndexEntry {
  readonly offset: number
  readonly position: number
  readonly maxTimestampBefore: number
}

/** The entry that stands at `at`; undefined if its checksum is wrong. */
export function readIndexEntry(bytes: Buffer, at: number): IndexEntry | undefined {
  if (bytes.readUInt32BE(at + CRC_AT) !== crc32c(bytes, at, at + CRC_AT)) return undefined
  return {
    offset: readInt64(bytes, at),
    position: readInt64(bytes, at + 8),
    maxTimestampBefore: readInt64(bytes, at + 16),
  }
}

/**
 * A segment's sparse index: entries of 32 bytes, each with its own checksum. Each entry is valid by itself: if one is missing
 * or torn, a look-up only scans further. The whole file can be deleted, and is rebuilt.
 */
export class SegmentIndex {
  readonly #base: number
  readonly #file: OpenFile
  readonly #buffer = Buffer.alloc(ENTRY_BYTES)
  #indexedTo: number

  constructor(files: FileSystem, directory: string, base: number) {
    this.#base = base
    this.#file = files.open(indexPath(directory, base), 'write')
    this.#indexedTo = this.entries().at(-1)?.position ?? 0
  }

  /** Whether the segment has grown enough since the last entry to need one for this position. */
  wants(position: number): boolean {
    return position - this.#indexedTo >= INDEX_INTERVAL_BYTES
  }

  /** The caller holds the partition's lock. */
  add(entry: IndexEntry): void {
    const buffer = this.#buffer
    writeInt64(buffer, entry.offset, 0)
    writeInt64(buffer, entry.position, 8)
    writeInt64(buffer, entry.maxTimestampBefore, 16)
    buffer.writeUInt32BE(crc32c(buffer, 0, CRC_AT), CRC_AT)
    // A torn entry at the end is overwritten.
    const end = Math.floor(this.#file.size() / ENTRY_BYTES) * ENTRY_BYTES
    this.#file.write(buffer, 0, ENTRY_BYTES, end)
    this.#indexedTo = entry.position
  }

  /** The segment's first batch, which has no entry. */
  get start(): IndexEntry {
    return { offset: this.#base, position: 0, maxTimestampBefore: -1 }
  }

  /** The valid entries, ascending. */
  entries(): IndexEntry[] {
    const bytes = Buffer.allocUnsafe(this.#file.size())
    const held = this.#file.read(bytes, 0, bytes.length, 0)
    const entries: IndexEntry[] = []
    let last = this.start
    for (let at = 0; at + ENTRY_BYTES <= held; at += ENTRY_BYTES) {
      const entry = readIndexEntry(bytes, at)
      if (entry === undefined || entry.position <= last.position) continue
      entries.push(entry)
      last = entry
    }
    return entries
  }

  /** Rebuilds the index of a closed segment if it is too far behind. */
  repair(segment: OpenFile): void {
    const bytes = segment.size()
    if (bytes - (this.entries().at(-1)?.position ?? 0) <= INDEX_LAG_BYTES_MAX) return
    this.#file.truncate(0)
    this.#indexedTo = 0
    let latest = -1
    for (const batch of scanBatches(segment, 0, this.#base, bytes)) {
      if (this.wants(batch.position)) {
        this.add({ offset: batch.baseOffset, position: batch.position, maxTimestampBefore: latest })
      }
      latest = Math.max(latest, batch.maxTimestamp)
    }
  }

  close(): void {
    this.#file.close()
  }
}

/** The last entry for which `fits`, if a whole batch with its offset is really there; else the segment's start. */
export function findEntry(index: SegmentIndex, segment: OpenFile, fits: (entry: IndexEntry) => boolean): IndexEntry {
  const entry = index.entries().findLast(fits)
  return entry !== undefined && isAtBatch(segment, entry) ? entry : index.start
}

function isAtBatch(segment: OpenFile, { position, offset }: IndexEntry): boolean {
  const scanner = segmentScanner(segment, segment.size(), CHUNK_BYTES)
  scanner.moveTo(position, offset)
  return scanner.find() === 'whole'
}
