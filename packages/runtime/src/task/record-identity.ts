import type { Header } from '@millrace/core'

/**
 * Where a record of a repartition topic comes from: which task sent it, for which record of which of its inputs, and its
 * number among the records sent for that one. A task that crashed sends some records again; the reading task recognizes them
 * by this and drops them. The identity also carries the watermark of the source partition at the record that caused it all, as
 * the distance from this record's time.
 *
 * Header `m`: partition (4 bytes), input (4), offset (8), number (4), all big-endian, then the watermark's distance: nothing
 * if it is 0, as it is for records that come in order; else its size, 6 bits and then 7 bits a byte, the lowest first, with
 * bit 7 on all but the last byte, and its sign in bit 6 of the first.
 */
export const IDENTITY_HEADER = 'm'
export const IDENTITY_BYTES = 20
/** 53 bits take 6 and 7 × 7. */
export const IDENTITY_BYTES_MAX = IDENTITY_BYTES + 8

/** At least the number of every record: 4 bytes have nothing larger. */
export const LAST_NUMBER = 0xffff_ffff

const TWO_32 = 2 ** 32
const MORE = 0x80
const NEGATIVE = 0x40

/** Makes the header of each record in place, so that none is allocated. */
export class IdentityHeader {
  readonly #bytes = Buffer.alloc(IDENTITY_BYTES_MAX)
  /** By length behind `IDENTITY_BYTES`: the same bytes as headers of every length. */
  readonly #byLength: readonly (readonly [Header])[]
  /** A record's headers: this one. The bytes change with every `set`. */
  headers: readonly [Header]

  constructor(partition: number) {
    this.#bytes.writeUInt32BE(partition, 0)
    const whole: readonly [Header] = [[IDENTITY_HEADER, this.#bytes.subarray(0, IDENTITY_BYTES)]]
    this.headers = whole
    this.#byLength = Array.from({ length: IDENTITY_BYTES_MAX - IDENTITY_BYTES + 1 }, (_, more) =>
      more === 0 ? whole : [[IDENTITY_HEADER, this.#bytes.subarray(0, IDENTITY_BYTES + more)]],
    )
  }

  /** `ahead`: the watermark of the record's source partition less the time of the record that is sent. */
  set(input: number, offset: number, number: number, ahead: number): void {
    const bytes = this.#bytes
    bytes.writeUInt32BE(input, 4)
    bytes.writeUInt32BE(Math.floor(offset / TWO_32), 8)
    bytes.writeUInt32BE(offset >>> 0, 12)
    bytes.writeUInt32BE(number, 16)
    const headers = this.#byLength[ahead === 0 ? 0 : writeAhead(bytes, ahead)]
    if (headers === undefined) throw new Error(`A watermark cannot be ${ahead} ms from its record`)
    this.headers = headers
  }
}

/** Writes a distance that is not 0 behind the identity; returns how many bytes it took. */
function writeAhead(bytes: Buffer, ahead: number): number {
  let rest = Math.abs(ahead)
  let at = IDENTITY_BYTES
  bytes[at] = (rest % 64) | (ahead < 0 ? NEGATIVE : 0)
  for (rest = Math.floor(rest / 64); rest > 0; rest = Math.floor(rest / 128)) {
    bytes[at] = (bytes[at] ?? 0) | MORE
    bytes[++at] = rest % 128
  }
  return at + 1 - IDENTITY_BYTES
}

/** How far the watermark is ahead of the time of the record whose header is `bytes[start, end)`. */
export function readAhead(bytes: Buffer, start: number, end: number): number {
  let at = start + IDENTITY_BYTES
  if (at === end) return 0
  const first = bytes[at] ?? 0
  let size = first & 0x3f
  for (let unit = 64; (bytes[at] ?? 0) >= MORE && at + 1 < end; unit *= 128) size += ((bytes[++at] ?? 0) & 0x7f) * unit
  return (first & NEGATIVE) === 0 ? size : -size
}

/** The last record that came from one input of one sending task. */
export interface LastSeen {
  readonly partition: number
  readonly input: number
  offset: number
  number: number
}

/** Distinguishes repeats from new records; remembers the last record of each input of each task. */
export class RepeatFilter {
  readonly #seen: LastSeen[] = []
  #last: LastSeen | undefined

  /** Whether the record whose identity is at `start` was processed before. */
  isRepeat(bytes: Buffer, start: number): boolean {
    const seen = this.#find(bytes, start)
    if (seen === undefined) return false
    const offset = readOffset(bytes, start)
    return offset < seen.offset || (offset === seen.offset && bytes.readUInt32BE(start + 16) <= seen.number)
  }

  /** The record whose identity is at `start` is being processed. */
  remember(bytes: Buffer, start: number): void {
    const seen = this.#find(bytes, start) ?? this.#add(bytes, start)
    seen.offset = readOffset(bytes, start)
    seen.number = bytes.readUInt32BE(start + 16)
  }

  /** What is remembered, for the checkpoint. */
  save(): LastSeen[] {
    return this.#seen.map((seen) => ({ ...seen }))
  }

  load(saved: readonly LastSeen[]): void {
    this.#last = undefined
    this.#seen.length = 0
    for (const seen of saved) this.#seen.push({ ...seen })
  }

  #find(bytes: Buffer, start: number): LastSeen | undefined {
    const partition = bytes.readUInt32BE(start)
    const input = bytes.readUInt32BE(start + 4)
    const last = this.#last
    // Records come in runs from one input of one task.
    if (last !== undefined && last.partition === partition && last.input === input) return last
    const seen = this.#seen.find((each) => each.partition === partition && each.input === input)
    if (seen !== undefined) this.#last = seen
    return seen
  }

  #add(bytes: Buffer, start: number): LastSeen {
    const seen = { partition: bytes.readUInt32BE(start), input: bytes.readUInt32BE(start + 4), offset: -1, number: -1 }
    this.#seen.push(seen)
    this.#last = seen
    return seen
  }
}

/** The offset in the identity at `start`. */
export function readOffset(bytes: Buffer, start: number): number {
  return bytes.readUInt32BE(start + 8) * TWO_32 + bytes.readUInt32BE(start + 12)
}

/** A stable number for an input topic, so that an identity survives a change of the job's other inputs: FNV-1a. */
export function inputIdOf(topic: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < topic.length; at++) hash = Math.imul(hash ^ topic.charCodeAt(at), 0x01000193)
  return hash >>> 0
}
