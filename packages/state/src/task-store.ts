import {
  type CommittedStore,
  type KeyValueStore,
  type StoreChange,
  type StoreDescription,
  storeKeyName,
  type WindowStore,
} from '@millrace/core/internal'
import { LevelCommittedStore } from './committed-store.ts'
import type { Database } from './database.ts'
import { type StoreIdentity, storeIdentity } from './identity.ts'
import { KeyCodec } from './key-codec.ts'
import type { KeyFilter } from './key-filter.ts'
import { LiveKeyValueStore } from './live-key-value-store.ts'
import type { LiveStore } from './live-store.ts'
import { LiveWindowStore } from './live-window-store.ts'
import { typedStore } from './store-serdes.ts'
import type { TimeIndex } from './time-index.ts'
import { ValueCodec } from './value-codec.ts'

/** One store of a task: its live side, its committed side, and the codec of its bytes. */
export class TaskStore {
  readonly name: string
  /** The prefix of its keys. */
  readonly keyName: string
  /** Marks the store's operations in a commit. */
  readonly owner: number
  readonly identity: StoreIdentity
  readonly codec: KeyCodec<unknown>
  readonly live: LiveStore
  readonly committed: CommittedStore<unknown, unknown>
  readonly index: TimeIndex | undefined
  readonly filter: KeyFilter | undefined
  readonly keyValue: KeyValueStore<unknown, unknown> | undefined
  readonly windowed: WindowStore<unknown, unknown> | undefined
  readonly #values: ValueCodec<unknown>

  constructor(description: StoreDescription, owner: number, database: Database) {
    const store = typedStore<unknown, unknown>(description)
    this.name = store.name
    this.keyName = storeKeyName(description)
    this.owner = owner
    this.identity = storeIdentity(description)
    this.codec = new KeyCodec(this.keyName, store.key, store.shape.kind !== 'key')
    this.committed = new LevelCommittedStore(database, this.codec, store)
    this.#values = new ValueCodec(store)
    if (store.shape.kind === 'key') {
      const live = new LiveKeyValueStore(database, this.codec, store)
      this.live = live
      this.keyValue = live
      this.filter = live.filter
    } else {
      const live = new LiveWindowStore(database, this.codec, store, store.shape.sizeMs)
      this.live = live
      this.windowed = live
      this.index = live.index
    }
  }

  /** Decodes one operation of a commit. */
  readChange(bytes: Buffer, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): StoreChange {
    const value = valueStart < 0 ? null : this.#values.read(bytes, valueStart, valueEnd)
    if (!this.codec.timed) return { key: this.codec.read(bytes, keyStart, keyEnd), value }
    const { key, start, end } = this.codec.readTimed(bytes, keyStart, keyEnd)
    return { key, window: { start, end }, value }
  }
}
