import type { Bytes, BytesBatch, BytesIterator, BytesRange, LevelEngine } from '@millrace/state'

/**
 * Local state in memory, by directory. It outlives the containers that open it. It replaces LevelDB in tests that open hundreds
 * of stores.
 */
export class MemoryLevels implements LevelEngine {
  readonly #stored = new Map<string, StoredLevel>()
  readonly #open = new Set<string>()

  async open(directory: string): Promise<Bytes> {
    if (this.#open.has(directory)) throw Object.assign(new Error(`${directory} is open`), { code: 'LEVEL_LOCKED' })
    this.#open.add(directory)
    const content = this.#stored.get(directory) ?? new StoredLevel()
    this.#stored.set(directory, content)
    return new MemoryLevel(content, () => this.#open.delete(directory))
  }

  async check(): Promise<undefined> {
    return undefined
  }

  /** Deletes everything. */
  clear(): void {
    this.#stored.clear()
  }
}

/** The content of one directory, by key as Latin-1, which sorts as the bytes do. */
class StoredLevel {
  readonly #content = new Map<string, Buffer>()
  /** Undefined after a key has come or gone. */
  #sorted: readonly string[] | undefined

  get(key: string): Buffer | undefined {
    return this.#content.get(key)
  }

  set(key: string, value: Buffer | undefined): void {
    const before = this.#content.size
    if (value === undefined) this.#content.delete(key)
    else this.#content.set(key, value)
    if (this.#content.size !== before) this.#sorted = undefined
  }

  /** The entries of a range, in its order. */
  range({ gte, lt, limit, reverse = false }: BytesRange): [Buffer, Buffer][] {
    this.#sorted ??= [...this.#content.keys()].sort()
    const keys = this.#sorted.slice(firstAt(this.#sorted, gte), firstAt(this.#sorted, lt))
    const ordered = reverse ? keys.reverse() : keys
    return ordered.slice(0, limit).map((key) => [Buffer.from(key, 'latin1'), this.#content.get(key) ?? Buffer.alloc(0)])
  }
}

/** The index of the first key that is not before `bound`. */
function firstAt(sorted: readonly string[], bound: Buffer): number {
  const key = bound.toString('latin1')
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}

class MemoryLevel implements Bytes {
  readonly #stored: StoredLevel
  readonly #closed: () => void

  constructor(stored: StoredLevel, closed: () => void) {
    this.#stored = stored
    this.#closed = closed
  }

  getSync(key: Buffer): Buffer | undefined {
    return this.#stored.get(key.toString('latin1'))
  }

  keys(range: BytesRange) {
    const keys = this.#stored.range(range).map(([key]) => key)
    return {
      all: async () => keys,
      async *[Symbol.asyncIterator]() {
        yield* keys
      },
    }
  }

  iterator({ limit = Number.POSITIVE_INFINITY, ...range }: BytesRange): BytesIterator {
    const { gte, lt, reverse } = range
    const entries = this.#stored.range(range)
    const passes = (key: Buffer, target: Buffer) => (reverse ? key.compare(target) <= 0 : key.compare(target) >= 0)
    let at = 0
    let left = limit
    return {
      nextv: async (count) => {
        const read = entries.slice(at, at + Math.min(count, left))
        at += read.length
        left -= read.length
        return read
      },
      seek: (target) => {
        // As in LevelDB, a place outside of the range is its end.
        const isInside = target.compare(gte) >= 0 && target.compare(lt) < 0
        const found = isInside ? entries.findIndex(([key]) => passes(key, target)) : -1
        at = found < 0 ? entries.length : found
      },
      close: async () => {},
    }
  }

  batch(): BytesBatch {
    const changes: (readonly [string, Buffer | undefined])[] = []
    return {
      put: (key, value) => changes.push([key.toString('latin1'), Buffer.from(value)]),
      del: (key) => changes.push([key.toString('latin1'), undefined]),
      write: async () => {
        for (const [key, value] of changes) this.#stored.set(key, value)
      },
    }
  }

  async close(): Promise<void> {
    this.#closed()
  }
}
