import type { Env } from '@millrace/core'
import { Level } from 'level'
import { checkFiles } from './files/check-files.ts'
import { copyFiles } from './files/copy-files.ts'

/** A range of keys, in byte order. */
export interface BytesRange {
  readonly gte: Buffer
  readonly lt: Buffer
  readonly limit?: number
  /** From the last key to the first; `seek` then finds the last key up to its target. */
  readonly reverse?: boolean
}

/** What a state uses of a LevelDB: bytes by key, in byte order. A write is one atomic batch. */
export interface Bytes {
  getSync(key: Buffer): Buffer | undefined
  keys(range: BytesRange): AsyncIterable<Buffer> & { all(): Promise<Buffer[]> }
  /** Sees what exists when it is made, even if more is written meanwhile. */
  iterator(range: BytesRange): BytesIterator
  batch(): BytesBatch
  close(): Promise<void>
}

/** Entries of a range, in order. */
export interface BytesIterator {
  /** Up to `count` next entries, each a key and its value; an empty list at the end. */
  nextv(count: number): Promise<[Buffer, Buffer][]>
  /** Continues at the first key from `target` on. */
  seek(target: Buffer): void
  close(): Promise<void>
}

/** Keys and values are copied before `write` resolves, and not used after it. */
export interface BytesBatch {
  put(key: Buffer, value: Buffer): unknown
  del(key: Buffer): unknown
  write(): Promise<void>
}

/** Opens the database of a state: LevelDB, or its replacement in a simulated world. */
export interface LevelEngine {
  /** Rejects with LevelDB's own errors: `LEVEL_LOCKED` if another process has it open. */
  open(directory: string): Promise<Bytes>
  /**
   * Returns what is wrong with the files of a closed database; undefined if nothing is wrong. `names`: checks only that the files are
   * there. Default: their contents too.
   */
  check(env: Env, directory: string, depth?: 'contents' | 'names'): Promise<string | undefined>
  /**
   * Copies the files of a database, which a process may be writing, into a new directory: see `copyFiles`. If it is missing,
   * savepoints have no copies of the states, and rebuild them from the changelog.
   */
  copy?(env: Env, from: string, directory: string): void
}

/**
 * The write buffer; LevelDB holds up to two of them in memory, and an open reads back up to so much of the write-ahead log.
 * With LevelDB's default of 4 MiB, 1.7 million new keys make it write 1.0 GB, with 8 MiB 0.75 GB: a job with mostly new keys
 * takes 6 % less CPU, and a restore is 8 % faster. With 16 MiB the job takes 12 % less, but a restore is 12 % slower than with
 * 4 MiB, since the buffer does not fit into the processor's cache.
 */
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024

/**
 * Uncompressed, so that the blocks' own checksums can be verified from outside. Blocks of 8 and 16 KiB and restarts every 8
 * entries change the CPU of random reads and updates by less than 5 %.
 */
const OPTIONS = {
  keyEncoding: 'buffer',
  valueEncoding: 'buffer',
  compression: false,
  writeBufferSize: WRITE_BUFFER_BYTES,
} as const

/** LevelDB on disk. */
export const levelDb: LevelEngine = {
  async open(directory) {
    const level = new Level<Buffer, Buffer>(directory, OPTIONS)
    await level.open()
    return level
  },
  check: checkFiles,
  copy: copyFiles,
}
