import { ByteWriter, type Serde } from '@millrace/core'
import type { Entry, KeyValueStore } from '@millrace/core/internal'
import type { ChangelogRun } from '../changelog/changelog-run.ts'
import type { KeyCodec } from '../codecs/key-codec.ts'
import type { Values } from '../codecs/value-codec.ts'
import type { CommitBuffer } from '../commit-buffer.ts'
import type { Database } from '../database.ts'
import { KeyFilter } from '../indexes/key-filter.ts'
import { Changes } from './changes.ts'
import { type WriteBackEntry, writeBackEntry, writeBackEntryOf } from './write-back-entry.ts'
import type { WriteBackStore } from './write-back-store.ts'

/** A store by key: decoded values over LevelDB. */
export class WriteBackKeyValueStore<K, V> implements KeyValueStore<K, V>, WriteBackStore {
  readonly changes = new Changes<K, V>()
  /** The keys that LevelDB holds, or will hold when the commit under way is applied. */
  readonly #filter = new KeyFilter()
  readonly #database: Database
  readonly #codec: KeyCodec<K>
  readonly #values: Values<V>
  readonly #primitive: boolean
  /** By the key itself if equal keys are `===`, otherwise by its bytes. */
  readonly #entries = new Map<K | string, WriteBackEntry<K, V>>()
  readonly #scratch = new ByteWriter()

  constructor(database: Database, codec: KeyCodec<K>, key: Serde<K>, values: Values<V>) {
    this.#database = database
    this.#codec = codec
    this.#values = values
    this.#primitive = key.primitive
  }

  get size(): number {
    return this.#entries.size
  }

  find(key: K): Entry<K, V> {
    const id = this.#primitive ? key : this.#idOf(key)
    const entry = this.#entries.get(id)
    if (entry === undefined) return this.#load(id, key)
    entry.used = true
    return entry
  }

  set(entry: Entry<K, V>, value: V | undefined, time = 0): void {
    this.changes.change(writeBackEntryOf(entry), value, time)
  }

  evict(sizeMax: number): void {
    // Two rounds: the first keeps every entry that was used since the last eviction, and clears its mark.
    for (let round = 0; round < 2 && this.#entries.size > sizeMax; round++) {
      for (const [id, entry] of this.#entries) {
        if (this.#entries.size <= sizeMax) return
        if (entry.used) entry.used = false
        else if (!entry.dirty) this.#entries.delete(id)
      }
    }
  }

  encode(buffer: CommitBuffer, owner: number, run: ChangelogRun): void {
    const { out } = buffer
    this.changes.encode(buffer, owner, run, this.#values, ({ key, value, stored }) => {
      const start = out.position
      this.#codec.write(out, key)
      if (value !== undefined && !stored) this.#filter.add(out.buffer, start, out.position)
    })
  }

  settle(_buffer: CommitBuffer): void {
    this.changes.settle()
    this.changes.clear()
  }

  restored(bytes: Buffer, keyStart: number, keyEnd: number, valueStart: number, _valueEnd: number): void {
    if (valueStart >= 0) this.#filter.add(bytes, keyStart, keyEnd)
  }

  settleRestored(_buffer: CommitBuffer): void {}

  applied(): void {}

  forget(): void {
    this.#entries.clear()
    this.changes.clear()
  }

  async load(): Promise<void> {
    this.forget()
    const { prefix, end } = this.#codec
    const first = await this.#database.level.keys({ gte: prefix, lt: end, limit: 1 }).all()
    if (first.length === 0) this.#filter.startEmpty()
    else this.#filter.giveUp()
  }

  #idOf(key: K): string {
    const scratch = this.#scratch
    scratch.clear()
    this.#codec.writeOrdered(scratch, key)
    return scratch.buffer.latin1Slice(0, scratch.position)
  }

  #load(id: K | string, key: K): WriteBackEntry<K, V> {
    const entry = writeBackEntry(key, 0, 0, this.#read(key), this.#values)
    this.#entries.set(id, entry)
    return entry
  }

  #read(key: K): Buffer | undefined {
    const scratch = this.#scratch
    scratch.clear()
    this.#codec.write(scratch, key)
    if (!this.#filter.mayHold(scratch.buffer, 0, scratch.position)) return undefined
    return this.#database.get(scratch.buffer.subarray(0, scratch.position))
  }
}
