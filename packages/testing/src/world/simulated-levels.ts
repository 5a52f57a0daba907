import type { Bytes, BytesBatch, BytesIterator, BytesRange, LevelEngine } from '@millrace/state'
import type { SeededRandom } from '../machine/seeded-random.ts'
import type { SimulatedProcess } from '../machine/simulated-process.ts'

interface Operation {
  readonly key: Buffer
  /** Null deletes. */
  readonly value: Buffer | null
}

/** What a directory holds: what is durable, and the batches written since, none of which was synced. */
interface StoredLevel {
  durable: Map<string, Operation>
  pending: (readonly Operation[])[]
  damaged: boolean
  owner: SimulatedProcess | undefined
}

/** A log that grows longer than this is on its way to the disk, as LevelDB's is when it fills its buffer. */
const PENDING_BATCHES_MAX = 20
/** How often a power cut leaves a LevelDB that cannot be opened. */
const DAMAGE_CHANCE = 0.2

/**
 * LevelDBs of a simulated machine: what is kept in one survives its process; a power cut keeps any prefix of what was not
 * synced, or nothing that can be opened. A directory's file `CURRENT` says that there is one, as LevelDB's own does.
 */
export class SimulatedLevels {
  readonly #stored = new Map<string, StoredLevel>()
  /** The next so-manieth write of a batch fails; none where it is undefined. */
  #failIn: number | undefined

  /** What a process opens its states with. */
  engineFor(process: SimulatedProcess): LevelEngine {
    return {
      open: async (directory) => this.#open(process, directory),
      check: async () => undefined,
    }
  }

  /** Lets a write fail, after so many that do not. */
  failAfter(writes: number | undefined): void {
    this.#failIn = writes
  }

  /** What a directory holds, by key as Latin-1; undefined where there is nothing, or nothing that can be opened. */
  contentOf(directory: string): ReadonlyMap<string, Buffer> | undefined {
    const level = this.#stored.get(directory)
    if (level === undefined || level.damaged) return undefined
    const content = new Map(level.durable)
    for (const batch of level.pending) apply(content, batch)
    return new Map([...content].flatMap(([key, { value }]) => (value === null ? [] : [[key, value]])))
  }

  powerCut(random: SeededRandom): void {
    for (const level of this.#stored.values()) {
      level.pending.length = random.below(level.pending.length + 1)
      level.damaged = random.chance(DAMAGE_CHANCE)
      level.owner = undefined
    }
  }

  #open(process: SimulatedProcess, directory: string): Bytes {
    const { files } = process.env
    const current = `${directory}/CURRENT`
    let level = this.#stored.get(directory)
    if (level?.owner !== undefined && level.owner.state !== 'crashed') {
      throw Object.assign(new Error(`${directory}/LOCK is held`), { code: 'LEVEL_LOCKED' })
    }
    if (level === undefined || files.stat(current) === undefined) {
      files.open(current, 'write').close()
      level = { durable: new Map(), pending: [], damaged: false, owner: undefined }
      this.#stored.set(directory, level)
    }
    if (level.damaged) throw new Error(`${directory} is damaged`)
    level.owner = process
    return new SimulatedLevel(level, process, () => this.#fails())
  }

  #fails(): boolean {
    if (this.#failIn === undefined) return false
    if (this.#failIn-- > 0) return false
    this.#failIn = undefined
    return true
  }
}

class SimulatedLevel implements Bytes {
  readonly #level: StoredLevel
  readonly #process: SimulatedProcess
  readonly #fails: () => boolean
  readonly #content: Map<string, Operation>
  #sorted: readonly [Buffer, Buffer][] | undefined

  constructor(level: StoredLevel, process: SimulatedProcess, fails: () => boolean) {
    this.#level = level
    this.#process = process
    this.#fails = fails
    this.#content = new Map(level.durable)
    for (const batch of level.pending) apply(this.#content, batch)
  }

  getSync(key: Buffer): Buffer | undefined {
    return this.#content.get(key.toString('latin1'))?.value ?? undefined
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
        const behind = range.reverse === true ? -1 : 1
        at = entries.findIndex(([key]) => key.compare(target) * behind >= 0)
        if (at < 0) at = entries.length
      },
      close: async () => {},
    }
  }

  batch(): BytesBatch {
    const operations: Operation[] = []
    return {
      put: (key, value) => operations.push({ key: Buffer.from(key), value: Buffer.from(value) }),
      del: (key) => operations.push({ key: Buffer.from(key), value: null }),
      write: async () => this.#write(operations),
    }
  }

  async close(): Promise<void> {
    if (this.#level.owner === this.#process) this.#level.owner = undefined
  }

  #write(operations: readonly Operation[]): void {
    // What a dead process still computes is nobody's.
    if (this.#process.state === 'crashed' || this.#level.owner !== this.#process) throw new Error('the process is dead')
    if (this.#fails()) throw new Error('IO error: the write failed')
    apply(this.#content, operations)
    this.#sorted = undefined
    this.#level.pending.push(operations)
    if (this.#level.pending.length <= PENDING_BATCHES_MAX) return
    for (const batch of this.#level.pending.splice(0)) apply(this.#level.durable, batch)
  }

  #range({ gte, lt, limit, reverse }: BytesRange): [Buffer, Buffer][] {
    this.#sorted ??= [...this.#content.values()]
      .flatMap(({ key, value }): [Buffer, Buffer][] => (value === null ? [] : [[key, value]]))
      .sort(([left], [right]) => left.compare(right))
    const found = this.#sorted.filter(([key]) => key.compare(gte) >= 0 && key.compare(lt) < 0)
    return (reverse === true ? found.reverse() : found).slice(0, limit)
  }
}

function apply(to: Map<string, Operation>, batch: readonly Operation[]): void {
  for (const operation of batch) to.set(operation.key.toString('latin1'), operation)
}
