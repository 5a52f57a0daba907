import { ByteWriter } from '@millrace/core'
import { readTime, TIME_BYTES, writeTime } from '@millrace/core/internal'

/** The bits of a length that stand in one byte; the others follow. */
const LENGTH_BITS = 7
const MORE = 1 << LENGTH_BITS

/** Called with an entry of a page: its time, and the range of its bytes. */
export type EachEntry = (time: number, bytes: Buffer, start: number, end: number) => void

/** Where a page stands in the order of the pages of an index. */
export interface PagePlace {
  /** The page has no entry of an earlier time. */
  readonly time: number
  /** The number of the page among those that begin with this time. */
  readonly part: number
}

/** Compares the places of two pages. */
export function comparePlaces(a: PagePlace, b: PagePlace): number {
  return a.time - b.time || a.part - b.part
}

/**
 * Some entries of a time index, in the order in which they came: `<length and whether a time follows> [<time>] <bytes>`. An
 * entry without a time has that of the entry before it.
 */
export class TimePage implements PagePlace {
  readonly time: number
  readonly part: number
  /** What it holds, if that is in memory. */
  content: ByteWriter | undefined
  /** Changed since the last commit was frozen. */
  dirty = false
  /** The lowest and the highest time of its entries, once the page has been in memory. */
  min: number | undefined
  max: number | undefined
  #lastTime: number | undefined

  constructor(time: number, part: number) {
    this.time = time
    this.part = part
  }

  /** Begins without entries. */
  clear(): ByteWriter {
    this.content = new ByteWriter(256)
    this.min = undefined
    this.max = undefined
    this.#lastTime = undefined
    return this.content
  }

  /** Takes what LevelDB holds of the page, `bytes[start, end)`. */
  fill(bytes: Buffer, start: number): void {
    const content = this.clear()
    content.bytes(bytes, start, bytes.length)
    eachEntry(content.buffer, 0, content.position, (time) => this.#measure(time))
  }

  /** Appends an entry. The page must be in memory. */
  append(time: number, bytes: Buffer, start: number, end: number): void {
    const out = this.content
    if (out === undefined) throw new Error('A page takes entries only if it is in memory')
    const isNew = time !== this.#lastTime
    writeLength(out, (end - start) * 2 + Number(isNew))
    if (isNew) writeTime(out, time)
    out.bytes(bytes, start, end)
    this.#measure(time)
  }

  #measure(time: number): void {
    this.#lastTime = time
    if (this.min === undefined || time < this.min) this.min = time
    if (this.max === undefined || time > this.max) this.max = time
  }
}

/** Calls `each` with every entry of a page, whose content is `bytes[start, end)`. */
export function eachEntry(bytes: Buffer, start: number, end: number, each: EachEntry): void {
  let time = 0
  for (let at = start; at < end; ) {
    let header = bytes[at] ?? 0
    if (header < MORE) at++
    else {
      header -= MORE
      let byte = 0
      let unit = MORE
      do {
        byte = bytes[++at] ?? 0
        header += (byte & (MORE - 1)) * unit
        unit *= MORE
      } while (byte >= MORE)
      at++
    }
    if (header % 2 === 1) {
      time = readTime(bytes, at)
      at += TIME_BYTES
    }
    const from = at
    at += Math.floor(header / 2)
    each(time, bytes, from, at)
  }
}

function writeLength(out: ByteWriter, length: number): void {
  out.reserve(8)
  let rest = length
  while (rest >= MORE) {
    out.buffer[out.position++] = (rest % MORE) + MORE
    rest = Math.floor(rest / MORE)
  }
  out.buffer[out.position++] = rest
}
