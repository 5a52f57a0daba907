import { brotliDecompressSync, unzipSync, zstdDecompressSync } from 'node:zlib'
import type { Compressors } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { badInput } from '../input-error.ts'
import { lz4Block } from './lz4-block.ts'

/** The result of node:zlib when it also reports how much of the input it read. */
interface Unpacked {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

type Unpack = (input: Uint8Array, options: { readonly info: true; readonly maxOutputLength: number }) => unknown

/**
 * Decompresses the pages of a parquet file. Whatever a codec can find wrong with them is an error. It is also an error if a
 * page has another length than its header states, or if bytes follow it.
 */
export const checkedCompressors: Compressors = {
  GZIP: (input, length) => unpacked(unzipSync, input, length),
  BROTLI: (input, length) => unpacked(brotliDecompressSync, input, length),
  ZSTD: (input, length) => unpacked(zstdDecompressSync, input, length),
  SNAPPY: snappy,
  LZ4_RAW: lz4Block,
  LZ4: lz4,
}

/** All members or frames of a page, one after the other. */
function unpacked(unpack: Unpack, input: Uint8Array, length: number): Uint8Array {
  // If the buffer were a view of a larger one, a reader could read past the end of the page.
  const output = new Uint8Array(length)
  let written = 0
  for (let read = 0; read < input.length; ) {
    const { buffer, engine } = unpack(input.subarray(read), {
      info: true,
      maxOutputLength: Math.max(1, length - written),
    }) as Unpacked
    if (engine.bytesWritten === 0) throw badInput('bytes follow the compressed page')
    if (buffer.length > length - written) throw badInput('the page is longer than its header states')
    output.set(buffer, written)
    written += buffer.length
    read += engine.bytesWritten
  }
  if (written !== length) throw badInput(`the page has ${written} bytes, and its header states ${length}`)
  return output
}

/** The library compares its output with the length at the start of the page, not with the length in the header. */
function snappy(input: Uint8Array, length: number): Uint8Array {
  // A page without values may have no bytes at all, not even its length.
  if (input.length === 0 && length === 0) return input
  let stated = 0
  for (let at = 0; at < 5; at++) {
    const byte = input[at] ?? 0
    stated += (byte & 0x7f) * 128 ** at
    if (byte < 128) break
  }
  if (stated !== length) throw badInput(`the page has ${stated} bytes, and its header states ${length}`)
  const output = compressors.SNAPPY?.(input, length)
  if (output === undefined) throw badInput('the snappy decompressor is missing')
  return output
}

/** Decompresses blocks as Hadoop writes them, each after its lengths; otherwise one block. */
function lz4(input: Uint8Array, length: number): Uint8Array {
  const blocks = hadoopBlocks(input, length)
  if (blocks === undefined) return lz4Block(input, length)
  const output = new Uint8Array(length)
  let written = 0
  for (const block of blocks) {
    output.set(lz4Block(block.input, block.length), written)
    written += block.length
  }
  return output
}

/** Undefined if the lengths do not fit blocks of Hadoop. */
function hadoopBlocks(
  input: Uint8Array,
  length: number,
): { readonly input: Uint8Array; readonly length: number }[] | undefined {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  const blocks: { readonly input: Uint8Array; readonly length: number }[] = []
  let written = 0
  for (let read = 0; read < input.length; ) {
    if (read + 8 > input.length) return undefined
    const block = { length: view.getUint32(read), bytes: view.getUint32(read + 4) }
    read += 8
    if (read + block.bytes > input.length || block.length > length - written) return undefined
    blocks.push({ input: input.subarray(read, read + block.bytes), length: block.length })
    read += block.bytes
    written += block.length
  }
  return written === length ? blocks : undefined
}
