import { ByteWriter } from '../bytes/byte-writer.ts'
import { makeSortable, readTime, TIME_BYTES, unmakeSortable, writeTime } from '../bytes/sortable.ts'
import type { Serde } from '../contracts/serde.ts'
import type { Windowed } from '../dsl/windowed.ts'
import { describeValue } from './describe-value.ts'
import { int64 } from './numbers.ts'

const INT64 = int64()
/** End of key (2 bytes), start and end of the window (8 each). */
const TAIL_BYTES = 2 + 2 * TIME_BYTES

/**
 * Keys of windowed tables, when they leave the table: in `changes()`, and in topics written from it. Sorts by key, then by
 * the window's start.
 *
 * ```ts
 * delays.changes().to(topic('delays', { key: windowed(string()), value: json<Delays>() }))
 * ```
 */
export function windowed<K>(key: Serde<K>): Serde<Windowed<K>> {
  return new WindowedSerde(key)
}

/**
 * The key's bytes, made sortable and escaped (0x00 becomes 0x00 0xFF), then 0x00 0x01, which is less than any continuation.
 * Then start and end, 8 bytes each with the sign flipped.
 */
class WindowedSerde<K> implements Serde<Windowed<K>> {
  readonly name: string
  readonly order
  readonly primitive = false
  readonly #key: Serde<K>
  readonly #scratch = new ByteWriter(64)

  constructor(key: Serde<K>) {
    this.name = `windowed(${key.name})`
    this.order = key.order === 'none' ? ('none' as const) : ('bytes' as const)
    this.#key = key
  }

  encode({ key, window }: Windowed<K>, out: ByteWriter): void {
    const scratch = this.#scratch
    scratch.clear()
    this.#key.encode(key, scratch)
    const bytes = scratch.buffer
    const end = scratch.position
    makeSortable(this.#key.order, bytes, 0, end)
    out.reserve(2 * end + TAIL_BYTES)
    const { buffer } = out
    let to = out.position
    for (let at = 0; at < end; at++) {
      const byte = bytes[at] ?? 0
      buffer[to++] = byte
      if (byte === 0) buffer[to++] = 0xff
    }
    buffer[to++] = 0
    buffer[to++] = 1
    out.position = to
    writeTime(out, checked(window.start))
    writeTime(out, checked(window.end))
  }

  normalize({ key, window: { start, end } }: Windowed<K>): Windowed<K> {
    const normal = this.#key.normalize?.(key) ?? key
    return { key: normal, window: { start: INT64.fromJson(start), end: INT64.fromJson(end) } }
  }

  decode(bytes: Buffer, start: number, end: number): Windowed<K> {
    const keyEnd = end - TAIL_BYTES
    if (keyEnd < start || bytes[keyEnd] !== 0 || bytes[keyEnd + 1] !== 1)
      throw new Error('the bytes are not a windowed key')
    const scratch = this.#scratch
    scratch.clear()
    scratch.reserve(keyEnd - start)
    for (let at = start; at < keyEnd; at++) {
      const byte = bytes[at] ?? 0
      if (byte === 0 && bytes[++at] !== 0xff) throw new Error('the bytes are not a windowed key')
      scratch.buffer[scratch.position++] = byte
    }
    unmakeSortable(this.#key.order, scratch.buffer, 0, scratch.position)
    const key = this.#key.decode(scratch.buffer, 0, scratch.position)
    return { key, window: { start: readBound(bytes, keyEnd + 2), end: readBound(bytes, keyEnd + 10) } }
  }

  toJson({ key, window: { start, end } }: Windowed<K>): unknown {
    return { key: this.#key.toJson(key), window: { start, end } }
  }

  fromJson(json: unknown): Windowed<K> {
    if (isWindowedJson(json)) {
      const { start, end } = json.window
      return { key: this.#key.fromJson(json.key), window: { start: INT64.fromJson(start), end: INT64.fromJson(end) } }
    }
    throw new Error(`{ key, window: { start, end } } is needed, not ${describeValue(json)}`)
  }
}

function checked(time: number): number {
  if (Number.isSafeInteger(time)) return time
  throw new Error(`a window cannot begin or end at ${time}`)
}

function readBound(bytes: Buffer, at: number): number {
  const time = readTime(bytes, at)
  if (Number.isSafeInteger(time)) return time
  throw new Error('the bytes are not a windowed key: the start or end of its window is not a safe integer')
}

interface WindowedJson {
  readonly key: unknown
  readonly window: { readonly start: unknown; readonly end: unknown }
}

function isWindowedJson(json: unknown): json is WindowedJson {
  if (typeof json !== 'object' || json === null || !('key' in json) || !('window' in json)) return false
  return typeof json.window === 'object' && json.window !== null && 'start' in json.window && 'end' in json.window
}
