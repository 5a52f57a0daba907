import type { SerdeOrder } from '../contracts/serde.ts'
import type { ByteWriter } from './byte-writer.ts'

const TWO_TO_32 = 2 ** 32
const SIGN = 0x80

/** How many bytes a sortable time takes. */
export const TIME_BYTES = 8

/** Appends a safe integer, also a negative one, so that comparing the bytes compares the numbers. */
export function writeTime(out: ByteWriter, time: number): void {
  out.reserve(TIME_BYTES)
  const high = Math.floor(time / TWO_TO_32)
  const low = time - high * TWO_TO_32
  const { buffer, position } = out
  // A store keeps the low eight bits. The methods of a Buffer check what is known here.
  buffer[position] = (high >>> 24) ^ SIGN
  buffer[position + 1] = high >>> 16
  buffer[position + 2] = high >>> 8
  buffer[position + 3] = high
  buffer[position + 4] = low >>> 24
  buffer[position + 5] = low >>> 16
  buffer[position + 6] = low >>> 8
  buffer[position + 7] = low
  out.position = position + TIME_BYTES
}

/** The inverse of `writeTime`, at `at`. */
export function readTime(bytes: Buffer, at: number): number {
  return (bytes.readUInt32BE(at) ^ 0x80000000) * TWO_TO_32 + bytes.readUInt32BE(at + 4)
}

/** Changes a serde's bytes in place so that comparing them compares the values. */
export function makeSortable(order: SerdeOrder, bytes: Buffer, start: number, end: number): void {
  if (start === end || order === 'bytes' || order === 'none') return
  const first = bytes[start] ?? 0
  if (order === 'float' && (first & SIGN) !== 0) {
    // -0 equals 0, so it must have the same bytes.
    if (isNegativeZero(bytes, start, end)) bytes[start] = SIGN
    else invert(bytes, start, end)
    return
  }
  bytes[start] = first ^ SIGN
}

/** The inverse of `makeSortable`. */
export function unmakeSortable(order: SerdeOrder, bytes: Buffer, start: number, end: number): void {
  if (start === end || order === 'bytes' || order === 'none') return
  const first = bytes[start] ?? 0
  if (order === 'float' && (first & SIGN) === 0) invert(bytes, start, end)
  else bytes[start] = first ^ SIGN
}

function invert(bytes: Buffer, start: number, end: number): void {
  for (let at = start; at < end; at++) bytes[at] = (bytes[at] ?? 0) ^ 0xff
}

function isNegativeZero(bytes: Buffer, start: number, end: number): boolean {
  if (bytes[start] !== SIGN) return false
  for (let at = start + 1; at < end; at++) if (bytes[at] !== 0) return false
  return true
}
