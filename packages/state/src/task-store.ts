import {
  type CommittedStore,
  type InstantStore,
  type IntervalStore,
  type KeyValueStore,
  type SortedStore,
  type StoreChange,
  type StoreDescription,
  type StoreShape,
  shownSerde,
  storeKeyName,
  type WindowStore,
} from '@millrace/core/internal'
import { placeOf } from './codecs/entry-place.ts'
import { KeyCodec } from './codecs/key-codec.ts'
import { isTimed, type ReadValue, sortedValues, typedStore, valueReader } from './codecs/store-serdes.ts'
import { ValueCodec } from './codecs/value-codec.ts'
import { LevelCommittedStore } from './committed/committed-store.ts'
import type { Database } from './database.ts'
import { type StoreIdentity, storeIdentity } from './identity.ts'
import { WriteBackKeyValueStore } from './write-back/write-back-key-value-store.ts'
import { WriteBackSortedStore } from './write-back/write-back-sorted-store.ts'
import type { WriteBackStore } from './write-back/write-back-store.ts'
import { WriteBackTimedStore } from './write-back/write-back-timed-store.ts'
import { WriteBackWindowStore } from './write-back/write-back-window-store.ts'

/** One store of a task: its write-back side, its committed side, and the codec of its bytes. */
export class TaskStore {
  readonly name: string
  /** The prefix of its keys. */
  readonly keyName: string
  /** Marks the store's operations in a commit. */
  readonly owner: number
  readonly identity: StoreIdentity
  readonly codec: KeyCodec<unknown>
  readonly writeBack: WriteBackStore
  readonly committed: CommittedStore<unknown, unknown>
  readonly keyValue: KeyValueStore<unknown, unknown> | undefined
  readonly sorted: SortedStore<unknown, unknown, unknown> | undefined
  readonly windowed: WindowStore<unknown, unknown> | undefined
  readonly intervals: IntervalStore<unknown, unknown> | undefined
  readonly instants: InstantStore<unknown, unknown> | undefined
  readonly #readValue: ReadValue<unknown>
  readonly #shape: StoreShape

  constructor(description: StoreDescription, owner: number, database: Database) {
    const store = typedStore<unknown, unknown>(description)
    const shown = typedStore<unknown, unknown>({ ...description, value: shownSerde(description) })
    this.name = store.name
    this.keyName = storeKeyName(description)
    this.owner = owner
    this.identity = storeIdentity(description)
    this.codec = new KeyCodec(this.keyName, store.key, isTimed(store.shape))
    this.committed = new LevelCommittedStore(database, this.codec, shown)
    this.#readValue = valueReader(shown)
    this.#shape = store.shape
    if (store.shape.kind === 'key') {
      const writeBack = new WriteBackKeyValueStore(database, this.codec, store.key, new ValueCodec(store))
      this.writeBack = writeBack
      this.keyValue = writeBack
    } else if (store.shape.kind === 'sorted') {
      const writeBack = new WriteBackSortedStore(database, this.codec, store.key, sortedValues(store, store.shape))
      this.writeBack = writeBack
      this.sorted = writeBack
    } else if (store.shape.kind === 'window') {
      const writeBack = new WriteBackWindowStore(database, this.codec, store, store.shape.sizeMs)
      this.writeBack = writeBack
      this.windowed = writeBack
    } else {
      const writeBack = new WriteBackTimedStore(database, this.codec, store)
      this.writeBack = writeBack
      if (store.shape.kind === 'interval') this.intervals = writeBack
      else this.instants = writeBack
    }
  }

  /** Decodes one operation of a commit, as views show it. */
  readChange(bytes: Buffer, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): StoreChange {
    const value = valueStart < 0 ? null : this.#readValue(bytes, valueStart, valueEnd)
    if (!this.codec.timed) return { key: this.codec.read(bytes, keyStart, keyEnd), value }
    const { key, start, end } = this.codec.readTimed(bytes, keyStart, keyEnd)
    return { key, ...placeOf(this.#shape, start, end), value }
  }
}
