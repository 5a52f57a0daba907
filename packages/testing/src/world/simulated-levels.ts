import type { Bytes, BytesBatch, BytesIterator, BytesRange, LevelEngine } from '@millrace/state'
import type { DiskNode } from '../machine/directory-node.ts'
import type { Disk } from '../machine/disk.ts'
import type { SeededRandom } from '../machine/seeded-random.ts'
import type { SimulatedProcess } from '../machine/simulated-process.ts'

interface Operation {
  readonly key: Buffer
  /** Null deletes. */
  readonly value: Buffer | null
}

/** What a directory holds: the durable entries, and the batches written since, of which none was synced. */
interface StoredLevel {
  durable: Map<string, Operation>
  pending: (readonly Operation[])[]
  damaged: boolean
  owner: SimulatedProcess | undefined
}

/** A log longer than this is written to the disk, as LevelDB's log is when it fills its buffer. */
const PENDING_BATCHES_MAX = 20
/** How often a power cut leaves a LevelDB that cannot be opened. */
const DAMAGE_CHANCE = 0.2

/**
 * LevelDBs of a simulated machine. The content of one survives its process. A power cut keeps any prefix of what was not
 * synced, or leaves nothing that can be opened. As with LevelDB itself, a directory's file `CURRENT` shows that it has a
 * LevelDB: the content belongs to that file, and is where it is, also after the directory was renamed.
 */
export class SimulatedLevels {
  readonly #disk: Disk
  readonly #stored = new Map<DiskNode, StoredLevel>()
  /** How many writes of a batch succeed before one fails; if undefined, none fails. */
  #failIn: number | undefined

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** The engine with which a process opens its states. */
  engineFor(process: SimulatedProcess): LevelEngine {
    return {
      open: async (directory) => this.#open(process, directory),
      check: async () => undefined,
      copy: (_env, from, directory) => this.#copy(process, from, directory),
    }
  }

  /** Makes one write fail, after this many that succeed. */
  failAfter(writes: number | undefined): void {
    this.#failIn = writes
  }

  /** What a directory holds, by key as Latin-1; undefined if it holds nothing, or nothing that can be opened. */
  contentOf(directory: string): ReadonlyMap<string, Buffer> | undefined {
    const level = this.#levelIn(directory)
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
    process.env.files.stat(directory)
    let level = this.#levelIn(directory)
    if (level?.owner !== undefined && level.owner.state !== 'crashed') {
      throw Object.assign(new Error(`${directory}/LOCK is held`), { code: 'LEVEL_LOCKED' })
    }
    level ??= this.#make(process, directory, { durable: new Map(), pending: [] })
    if (level.damaged) throw new Error(`${directory} is damaged`)
    level.owner = process
    return new SimulatedLevel(level, process, () => this.#fails())
  }

  /** Copies a database while LevelDB writes it. What was not durable in it is not durable in the copy. */
  #copy(process: SimulatedProcess, from: string, directory: string): void {
    const level = this.#levelIn(from)
    if (level === undefined || level.damaged) throw new Error(`${from} has no LevelDB that can be read`)
    process.env.files.makeDirectory(directory)
    this.#make(process, directory, { durable: new Map(level.durable), pending: [...level.pending] })
  }

  #make(process: SimulatedProcess, directory: string, content: Pick<StoredLevel, 'durable' | 'pending'>): StoredLevel {
    const current = `${directory}/CURRENT`
    process.env.files.open(current, 'write').close()
    const level = { ...content, damaged: false, owner: undefined }
    const node = this.#disk.find(current)
    if (node !== undefined) this.#stored.set(node, level)
    return level
  }

  /** Undefined if the directory has no LevelDB. */
  #levelIn(directory: string): StoredLevel | undefined {
    const node = this.#disk.find(`${directory}/CURRENT`)
    return node === undefined ? undefined : this.#stored.get(node)
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
    // A dead process still computes, but its writes must have no effect.
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
