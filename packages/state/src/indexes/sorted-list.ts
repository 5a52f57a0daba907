/** A chunk that reached this length is cut in two: adding moves half of this many pointers at most. */
const CHUNK_MAX = 512

/** Items in order, no two of them equal. Finding, adding and removing cost the logarithm of their number, and a short copy. */
export class SortedList<T> {
  readonly #compare: (a: T, b: T) => number
  readonly #chunks: T[][] = []

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare
  }

  /** Adds an item; false if an equal item is in the list already. */
  add(item: T): boolean {
    const at = this.#chunkFor(item)
    const chunk = this.#chunks[at] ?? this.#chunks.at(-1)
    if (chunk === undefined) {
      this.#chunks.push([item])
      return true
    }
    const index = this.#indexIn(chunk, item)
    const next = chunk[index]
    if (next !== undefined && this.#compare(next, item) === 0) return false
    chunk.splice(index, 0, item)
    if (chunk.length >= CHUNK_MAX) {
      this.#chunks.splice(Math.min(at, this.#chunks.length - 1) + 1, 0, chunk.splice(CHUNK_MAX / 2))
    }
    return true
  }

  /** Removes the item that equals `item`, if there is one. */
  remove(item: T): void {
    const at = this.#chunkFor(item)
    const chunk = this.#chunks[at]
    if (chunk === undefined) return
    const index = this.#indexIn(chunk, item)
    const found = chunk[index]
    if (found === undefined || this.#compare(found, item) !== 0) return
    chunk.splice(index, 1)
    if (chunk.length === 0) this.#chunks.splice(at, 1)
  }

  /** The first item that is not before `probe`. */
  atOrAfter(probe: T): T | undefined {
    const chunk = this.#chunks[this.#chunkFor(probe)]
    return chunk?.[this.#indexIn(chunk, probe)]
  }

  /** The first item that is after `probe`. */
  after(probe: T): T | undefined {
    const at = this.#chunkFor(probe)
    const chunk = this.#chunks[at]
    if (chunk === undefined) return undefined
    const index = this.#indexIn(chunk, probe)
    const found = chunk[index]
    if (found === undefined || this.#compare(found, probe) !== 0) return found
    return chunk[index + 1] ?? this.#chunks[at + 1]?.[0]
  }

  /** The last item that is before `probe`. */
  before(probe: T): T | undefined {
    const at = this.#chunkFor(probe)
    const chunk = this.#chunks[at]
    const index = chunk === undefined ? 0 : this.#indexIn(chunk, probe)
    return index > 0 ? chunk?.[index - 1] : this.#chunks[at - 1]?.at(-1)
  }

  get first(): T | undefined {
    return this.#chunks[0]?.[0]
  }

  clear(): void {
    this.#chunks.length = 0
  }

  /** The first chunk whose last item is not before `probe`; the number of chunks if there is none. */
  #chunkFor(probe: T): number {
    let [low, high] = [0, this.#chunks.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const last = this.#chunks[middle]?.at(-1)
      if (last !== undefined && this.#compare(last, probe) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The index of the first item of a chunk that is not before `probe`. */
  #indexIn(chunk: readonly T[], probe: T): number {
    let [low, high] = [0, chunk.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const item = chunk[middle]
      if (item !== undefined && this.#compare(item, probe) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
