import { constants, createReadStream } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { badInput, unreadableFile } from '../input-error.ts'
import { isStop } from '../topics/stopped.ts'
import { checkStdin } from './check-stdin.ts'
import { transcoded } from './text-encoding.ts'
import { isGzip, unpackGzip } from './unpack-gzip.ts'
import { isZstd, unpackZstd } from './unpack-zstd.ts'

/** A file of text, or stdin, decompressed and as UTF-8. */
export interface TextInput {
  /** The name of the input in messages. */
  readonly file: string
  /** The total bytes, as they are stored; undefined for stdin. */
  readonly total: number | undefined
  /** Stored bytes read so far. */
  readonly done: () => number
  /** The text in UTF-8; lines that are not of the encoding have bytes that are not UTF-8. Throws `BAD_INPUT`. */
  readonly chunks: () => AsyncGenerator<Buffer, void>
}

/** How many bytes are needed to recognize the kind of a file. */
const MAGIC_LENGTH = 4

/** The first bytes of files that do not hold the expected text, whatever their names are. */
const NOT_TEXT: readonly (readonly [magic: string, what: string])[] = [
  ['1f8b', 'is compressed twice. Decompress it once'],
  ['28b52ffd', 'is compressed twice. Decompress it once'],
  ['50415231', 'is a parquet file. Name it .parquet, or give --format parquet'],
  ['504b0304', 'is a zip file or a spreadsheet. Unpack it, or save it as CSV'],
  ['fffe', 'is UTF-16. Give --encoding utf-16le'],
  ['feff', 'is UTF-16. Give --encoding utf-16be'],
]

/**
 * Opens a file, or `stdin` for undefined. Compression with gzip or zstd is recognized by the first bytes, whatever the
 * file's name is. `encoding` is a label of the WHATWG Encoding Standard. Throws `FILE_MISSING` and `BAD_INPUT`.
 */
export async function openText(
  path: string | undefined,
  stdin: Readable,
  encoding: string | undefined,
): Promise<TextInput> {
  const file = path ?? 'stdin'
  const total = path === undefined ? checkStdin(stdin) : await sizeOf(path)
  let done = 0
  async function* stored(): AsyncGenerator<Buffer, void> {
    try {
      for await (const chunk of path === undefined ? stdin : createReadStream(path, { highWaterMark: 1024 * 1024 })) {
        const buffer: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk)
        done += buffer.length
        yield buffer
      }
    } catch (cause) {
      if (isStop(cause)) throw cause
      fail(file, cause)
    }
  }
  async function* chunks(): AsyncGenerator<Buffer, void> {
    const text = decompressed(stored(), file, encoding === undefined)
    yield* encoding === undefined ? text : transcoded(text, file, encoding)
  }
  return { file, total, done: () => done, chunks }
}

async function* decompressed(
  stored: AsyncGenerator<Buffer, void>,
  file: string,
  checked: boolean,
): AsyncGenerator<Buffer, void> {
  const { head, rest } = await peeked(stored)
  const unpack = isGzip(head) ? unpackGzip : isZstd(head) ? unpackZstd : undefined
  if (unpack === undefined) {
    if (checked) checkMagic(head, file)
    yield* rest
    return
  }
  const damaged = (what: string, cause?: unknown) =>
    badInput(
      `File ${file} cannot be decompressed to its end: it is damaged or incomplete (${what}). Use another copy`,
      cause,
    )
  let first = checked
  try {
    for await (const chunk of unpack(rest, damaged)) {
      if (first) checkMagic(chunk, file)
      first = false
      yield chunk
    }
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && /^(Z_|ZSTD_|ERR_ZSTD|ERR_ZLIB)/.test(String(cause.code))) {
      throw damaged(cause.message, cause)
    }
    throw cause
  }
}

/** Returns the first bytes, and a stream of all bytes including these. */
async function peeked(
  chunks: AsyncGenerator<Buffer, void>,
): Promise<{ readonly head: Buffer; readonly rest: AsyncGenerator<Buffer, void> }> {
  let start = Buffer.alloc(0)
  while (start.length < MAGIC_LENGTH) {
    const { value, done } = await chunks.next()
    if (done === true || value === undefined) break
    start = Buffer.concat([start, value])
  }
  async function* rest(): AsyncGenerator<Buffer, void> {
    if (start.length > 0) yield start
    yield* chunks
  }
  return { head: start.subarray(0, MAGIC_LENGTH), rest: rest() }
}

function checkMagic(head: Buffer, file: string): void {
  const hex = head.toString('hex', 0, MAGIC_LENGTH)
  const found = NOT_TEXT.find(([magic]) => hex.startsWith(magic))
  if (found !== undefined) throw badInput(`${file} ${found[1]}`)
}

/** The size of a file that can be read. */
async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch((cause) => fail(path, cause))
  if (found.isDirectory())
    throw badInput(`File ${path} cannot be read: it is a directory (EISDIR). Name the files in it`)
  await access(path, constants.R_OK).catch((cause) => fail(path, cause))
  return found.size
}

function fail(file: string, cause: unknown): never {
  throw unreadableFile(file, cause)
}
