import type { Bytes, BytesBatch, BytesIterator, BytesRange, LevelEngine } from '@millrace/state'

/**
 * Local state in memory, by directory. It outlives the containers that open it. It replaces LevelDB in tests that open hundreds
 * of stores.
 */
export class MemoryLevels implements LevelEngine {
  readonly #stored = new Map<string, Map<string, Buffer>>()
  readonly #open = new Set<string>()

  async open(directory: string): Promise<Bytes> {
    if (this.#open.has(directory)) throw Object.assign(new Error(`${directory} is open`), { code: 'LEVEL_LOCKED' })
    this.#open.add(directory)
    const content = this.#stored.get(directory) ?? new Map<string, Buffer>()
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

class MemoryLevel implements Bytes {
  /** By key as Latin-1, which sorts as the bytes do. */
  readonly #content: Map<string, Buffer>
  readonly #closed: () => void

  constructor(content: Map<string, Buffer>, closed: () => void) {
    this.#content = content
    this.#closed = closed
  }

  getSync(key: Buffer): Buffer | undefined {
    return this.#content.get(key.toString('latin1'))
  }

  keys(range: BytesRange) {
    const keys = this.#range(range).map(([key]) => key)
    return {
      all: async () => keys,
      async *[Symbol.asyncIterator]() {
        yield* keys
      },
    }
  }

  iterator(range: BytesRange): BytesIterator {
    const entries = this.#range(range)
    let at = 0
    return {
      nextv: async (count) => {
        const from = at
        at += count
        return entries.slice(from, at)
      },
      seek: (target) => {
        const found = entries.findIndex(([key]) => key.compare(target) >= 0)
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
        for (const [key, value] of changes) {
          if (value === undefined) this.#content.delete(key)
          else this.#content.set(key, value)
        }
      },
    }
  }

  async close(): Promise<void> {
    this.#closed()
  }

  #range({ gte, lt, limit }: BytesRange): [Buffer, Buffer][] {
    const from = gte.toString('latin1')
    const to = lt.toString('latin1')
    const keys = [...this.#content.keys()].filter((key) => key >= from && key < to).sort()
    return keys
      .slice(0, limit)
      .map((key) => [Buffer.from(key, 'latin1'), this.getSync(Buffer.from(key, 'latin1')) ?? Buffer.alloc(0)])
  }
}
