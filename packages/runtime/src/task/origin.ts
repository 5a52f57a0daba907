import type { Header } from '@millrace/core'

/**
 * Where a record of a repartition topic comes from: which task sent it, for which record of which of its inputs, and as
 * the how-manieth. A task that crashed sends some records again; the reading task knows them by this and drops them.
 *
 * Header `m`, 20 bytes: partition (4), input (4), offset (8), number (4), all big-endian.
 */
export const ORIGIN_HEADER = 'm'
export const ORIGIN_BYTES = 20

const TWO_32 = 2 ** 32

/** Makes the header of each record in place, so that none is allocated. */
export class OriginHeader {
  readonly #bytes = Buffer.alloc(ORIGIN_BYTES)
  /** A record's headers: this one. The bytes change with every `set`. */
  readonly headers: readonly [Header]

  constructor(partition: number) {
    this.#bytes.writeUInt32BE(partition, 0)
    this.headers = [[ORIGIN_HEADER, this.#bytes]]
  }

  set(input: number, offset: number, number: number): void {
    const bytes = this.#bytes
    bytes.writeUInt32BE(input, 4)
    bytes.writeUInt32BE(Math.floor(offset / TWO_32), 8)
    bytes.writeUInt32BE(offset >>> 0, 12)
    bytes.writeUInt32BE(number, 16)
  }
}

/** The last record that came from one input of one sending task. */
export interface LastSeen {
  readonly partition: number
  readonly input: number
  offset: number
  number: number
}

/** Tells repeats from new records; remembers the last record of each origin. */
export class RepeatFilter {
  readonly #seen: LastSeen[] = []
  #last: LastSeen | undefined

  /** Whether the record whose origin stands at `start` was processed before. */
  isRepeat(bytes: Buffer, start: number): boolean {
    const seen = this.#find(bytes, start)
    const offset = readOffset(bytes, start)
    return offset < seen.offset || (offset === seen.offset && bytes.readUInt32BE(start + 16) <= seen.number)
  }

  /** The record whose origin stands at `start` is being processed. */
  remember(bytes: Buffer, start: number): void {
    const seen = this.#find(bytes, start)
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

  #find(bytes: Buffer, start: number): LastSeen {
    const partition = bytes.readUInt32BE(start)
    const input = bytes.readUInt32BE(start + 4)
    const last = this.#last
    // Records come in runs of one origin.
    if (last !== undefined && last.partition === partition && last.input === input) return last
    let seen = this.#seen.find((each) => each.partition === partition && each.input === input)
    if (seen === undefined) {
      seen = { partition, input, offset: -1, number: -1 }
      this.#seen.push(seen)
    }
    this.#last = seen
    return seen
  }
}

function readOffset(bytes: Buffer, start: number): number {
  return bytes.readUInt32BE(start + 8) * TWO_32 + bytes.readUInt32BE(start + 12)
}

/** A stable number for an input topic, so that an origin survives a change of the job's other inputs: FNV-1a. */
export function inputIdOf(topic: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < topic.length; at++) hash = Math.imul(hash ^ topic.charCodeAt(at), 0x01000193)
  return hash >>> 0
}
