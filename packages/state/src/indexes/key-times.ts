import { ByteWriter } from '@millrace/core'
import { readTime, TIME_BYTES, writeTime } from '@millrace/core/internal'
import type { KeyCodec } from '../codecs/key-codec.ts'
import { type CommitBuffer, LOCAL } from '../commit-buffer.ts'
import { CHECKSUM_BYTES, type Database } from '../database.ts'

/** Places in a chunk: 256 × 16 bytes are 4 KiB, which a commit rewrites for a place that comes or goes. */
const PLACES_MAX = 256
const CHUNK_NUMBER_BYTES = 4
/** A chunk as its row lists it: its number, its first place, and its latest time. */
const CHUNK_BYTES = CHUNK_NUMBER_BYTES + 3 * TIME_BYTES

/** Some consecutive places of a key. */
interface Chunk {
  readonly number: number
  /** Its first place. */
  start: number
  end: number
  /** No place of it is later. */
  latest: number
  /** From the start of a place of it to the time up to which that reaches, at most, if they are in memory. */
  longest: number
  /** Start and end of each place, by start, then by end, if they are in memory. */
  places: number[] | undefined
  dirty: boolean
}

/** The places of one key. */
interface Row {
  readonly key: Buffer
  chunks: Chunk[]
  nextNumber: number
  dirty: boolean
  /** The numbers of the chunks that LevelDB has apart from the row. */
  stored: Set<number>
}

/** A row has its places, or lists its chunks. */
const WITH_PLACES = 0
const WITH_CHUNKS = 1

/**
 * The intervals or instants of each key, so that those within a range of time are found without an iterator: `02 <store> 00
 * <key> 00 01` → the places of the key, start and end, 16 bytes each; or, if they are many, a list of chunks, which are under
 * the same key with their number. It may have places without an entry. It is derived from the entries, and is not in the
 * changelog.
 */
export class KeyTimes {
  readonly #database: Database
  readonly #prefix: Buffer
  readonly #codec: Pick<KeyCodec<unknown>, 'writeEnd'>
  readonly #latestOf: (start: number, end: number) => number
  /** By the escaped key, as Latin-1 text. */
  readonly #rows = new Map<string, Row>()
  readonly #dirty = new Set<Row>()
  readonly #scratch = new ByteWriter(64)

  /** `latestOf`: the time up to which a place reaches. */
  constructor(
    database: Database,
    codec: Pick<KeyCodec<unknown>, 'prefix' | 'writeEnd'>,
    latestOf: (start: number, end: number) => number,
  ) {
    this.#database = database
    this.#codec = codec
    this.#prefix = Buffer.concat([Buffer.of(2), codec.prefix])
    this.#latestOf = latestOf
  }

  /** Keys in memory. */
  get size(): number {
    return this.#rows.size
  }

  /** Adds a place; `flush` writes it. `key` is escaped, as Latin-1 text. */
  add(key: string, start: number, end: number): void {
    const row = this.#row(key)
    const chunk = chunkOf(row, start, end) ?? row.chunks[0] ?? newChunk(row)
    const places = this.#placesOf(row, chunk)
    const at = indexOf(places, start, end)
    if (places[2 * at] === start && places[2 * at + 1] === end) return
    places.splice(2 * at, 0, start, end)
    chunk.start = places[0] ?? start
    chunk.end = places[1] ?? end
    const latest = this.#latestOf(start, end)
    chunk.latest = Math.max(chunk.latest, latest)
    chunk.longest = Math.max(chunk.longest, latest - start)
    this.#touch(row, chunk)
    if (places.length <= 2 * PLACES_MAX) return
    // Places mostly come in order of time: then the chunk stays full.
    const kept = 2 * at === places.length - 2 ? PLACES_MAX : PLACES_MAX / 2
    const other = newChunk(row, chunk)
    other.places = places.splice(2 * kept)
    this.#measure(chunk)
    this.#measure(other)
    this.#touch(row, other)
  }

  /** Removes a place, if it is there. */
  remove(key: string, start: number, end: number): void {
    const row = this.#row(key)
    const chunk = chunkOf(row, start, end)
    if (chunk === undefined) return
    const places = this.#placesOf(row, chunk)
    const at = indexOf(places, start, end)
    if (places[2 * at] !== start || places[2 * at + 1] !== end) return
    places.splice(2 * at, 2)
    this.#touch(row, chunk)
    if (places.length > 0) this.#measure(chunk)
    else row.chunks.splice(row.chunks.indexOf(chunk), 1)
  }

  /** The places that start before `to` and reach `from`: start and end of each, by start, then by end. */
  between(key: string, from: number, to: number): readonly number[] {
    const row = this.#row(key)
    const found: number[] = []
    for (const chunk of row.chunks) {
      if (chunk.start >= to) break
      if (chunk.latest < from) continue
      const places = this.#placesOf(row, chunk)
      // What starts before that does not reach `from`.
      const first = indexOf(places, from - chunk.longest, Number.NEGATIVE_INFINITY)
      for (let at = 2 * first; at < places.length; at += 2) {
        const [start = 0, end = 0] = [places[at], places[at + 1]]
        if (start >= to) break
        if (this.#latestOf(start, end) >= from) found.push(start, end)
      }
    }
    return found
  }

  /** Writes the rows that changed. */
  flush(buffer: CommitBuffer): void {
    for (const row of this.#dirty) {
      const { chunks } = row
      const apart = new Set(chunks.length > 1 ? chunks.map(({ number }) => number) : [])
      for (const number of row.stored) if (!apart.has(number)) this.#delete(buffer, row, number)
      if (chunks.length === 0) this.#delete(buffer, row, undefined)
      else this.#write(buffer, row, row.stored)
      row.stored = apart
      row.dirty = false
    }
    this.#dirty.clear()
  }

  /** Drops the rows that LevelDB has. To be called only when what was flushed last is applied. */
  evict(): void {
    for (const [key, row] of this.#rows) if (!row.dirty) this.#rows.delete(key)
  }

  clear(): void {
    this.#rows.clear()
    this.#dirty.clear()
  }

  #write(buffer: CommitBuffer, row: Row, stored: ReadonlySet<number>): void {
    const [only, second] = row.chunks
    if (only !== undefined && second === undefined) {
      this.#beginKey(buffer, row, undefined)
      buffer.out.reserve(1)
      buffer.out.buffer[buffer.out.position++] = WITH_PLACES
      writePlaces(buffer.out, this.#placesOf(row, only))
      buffer.endValue()
      return
    }
    this.#beginKey(buffer, row, undefined)
    buffer.out.reserve(1)
    buffer.out.buffer[buffer.out.position++] = WITH_CHUNKS
    for (const { number, start, end, latest } of row.chunks) {
      buffer.out.reserve(CHUNK_NUMBER_BYTES)
      buffer.out.position = buffer.out.buffer.writeUInt32BE(number, buffer.out.position)
      writePlaces(buffer.out, [start, end, latest])
    }
    buffer.endValue()
    for (const chunk of row.chunks) {
      if (!chunk.dirty && stored.has(chunk.number)) continue
      const places = this.#placesOf(row, chunk)
      chunk.dirty = false
      this.#beginKey(buffer, row, chunk.number)
      writePlaces(buffer.out, places)
      buffer.endValue()
    }
  }

  #delete(buffer: CommitBuffer, row: Row, number: number | undefined): void {
    buffer.beginKey(LOCAL)
    this.#writeKey(buffer.out, row.key, number)
    buffer.endDeletion()
  }

  #beginKey(buffer: CommitBuffer, row: Row, number: number | undefined): void {
    buffer.beginKey(LOCAL)
    this.#writeKey(buffer.out, row.key, number)
    buffer.beginValue()
  }

  #row(key: string): Row {
    let row = this.#rows.get(key)
    if (row === undefined) {
      row = this.#read(Buffer.from(key, 'latin1'))
      this.#rows.set(key, row)
    }
    return row
  }

  #read(key: Buffer): Row {
    const row: Row = { key, chunks: [], nextNumber: 0, dirty: false, stored: new Set() }
    const stored = this.#get(key, undefined)
    if (stored === undefined) return row
    const from = CHECKSUM_BYTES + 1
    if (stored[CHECKSUM_BYTES] === WITH_PLACES) {
      const chunk = newChunk(row)
      chunk.places = readPlaces(stored, from)
      this.#measure(chunk)
      return row
    }
    for (let at = from; at < stored.length; at += CHUNK_BYTES) {
      const number = stored.readUInt32BE(at)
      const times = readPlaces(stored.subarray(at, at + CHUNK_BYTES), CHUNK_NUMBER_BYTES)
      const [start = 0, end = 0, latest = 0] = times
      row.chunks.push({ number, start, end, latest, longest: 0, places: undefined, dirty: false })
      row.stored.add(number)
      row.nextNumber = Math.max(row.nextNumber, number + 1)
    }
    return row
  }

  #placesOf({ key }: Row, chunk: Chunk): number[] {
    if (chunk.places !== undefined) return chunk.places
    const stored = this.#get(key, chunk.number)
    if (stored === undefined) throw this.#database.damaged(`chunk ${chunk.number} of the times of a key is missing`)
    chunk.places = readPlaces(stored, CHECKSUM_BYTES)
    this.#measure(chunk)
    return chunk.places
  }

  #get(key: Buffer, number: number | undefined): Buffer | undefined {
    const scratch = this.#scratch
    scratch.clear()
    this.#writeKey(scratch, key, number)
    return this.#database.get(scratch.buffer.subarray(0, scratch.position))
  }

  #writeKey(out: ByteWriter, key: Buffer, number: number | undefined): void {
    out.bytes(this.#prefix)
    out.bytes(key)
    this.#codec.writeEnd(out)
    if (number === undefined) return
    out.reserve(CHUNK_NUMBER_BYTES)
    out.position = out.buffer.writeUInt32BE(number, out.position)
  }

  #touch(row: Row, chunk: Chunk): void {
    chunk.dirty = true
    row.dirty = true
    this.#dirty.add(row)
  }

  #measure(chunk: Chunk): void {
    const places = chunk.places ?? []
    chunk.start = places[0] ?? 0
    chunk.end = places[1] ?? 0
    chunk.latest = Number.NEGATIVE_INFINITY
    chunk.longest = 0
    for (let at = 0; at < places.length; at += 2) {
      const [start = 0, end = 0] = [places[at], places[at + 1]]
      const latest = this.#latestOf(start, end)
      chunk.latest = Math.max(chunk.latest, latest)
      chunk.longest = Math.max(chunk.longest, latest - start)
    }
  }
}

/** A chunk without places, behind `after` or as the only one. */
function newChunk(row: Row, after?: Chunk): Chunk {
  const number = row.nextNumber++
  const chunk = { number, start: 0, end: 0, latest: Number.NEGATIVE_INFINITY, longest: 0, places: [], dirty: true }
  row.chunks.splice(after === undefined ? 0 : row.chunks.indexOf(after) + 1, 0, chunk)
  return chunk
}

/** The chunk that has a place, if any has. */
function chunkOf({ chunks }: Row, start: number, end: number): Chunk | undefined {
  return chunks.findLast((chunk) => chunk.start < start || (chunk.start === start && chunk.end <= end))
}

/** The index of the first place that is not before `start` and `end`. */
function indexOf(places: readonly number[], start: number, end: number): number {
  let [low, high] = [0, places.length / 2]
  while (low < high) {
    const middle = (low + high) >>> 1
    const difference = (places[2 * middle] ?? 0) - start || (places[2 * middle + 1] ?? 0) - end
    if (difference < 0) low = middle + 1
    else high = middle
  }
  return low
}

function writePlaces(out: ByteWriter, places: readonly number[]): void {
  for (const time of places) writeTime(out, time)
}

function readPlaces(bytes: Buffer, start: number): number[] {
  const places: number[] = []
  for (let at = start; at < bytes.length; at += TIME_BYTES) places.push(readTime(bytes, at))
  return places
}
