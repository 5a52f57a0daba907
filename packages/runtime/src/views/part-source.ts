import type { Position } from '@millrace/core'
import type { StoredEntry, StoreRange } from '@millrace/core/internal'
import { type JsonEntry, jsonEntry } from './entry-json.ts'
import type { ServedView, ViewPart } from './served-view.ts'

/** An answer and what it reflects: everything before `position`, and maybe more; never less. */
export interface Reflecting<T> {
  readonly value: T
  readonly position: Position
}

/** A page of some parts of a view; see `StorePage`. */
export interface PartPage {
  /** Each is decoded when it is called: until then a page of this process holds stored bytes. */
  readonly entries: readonly (() => JsonEntry)[]
  readonly order: readonly Buffer[]
  readonly next: Buffer | null
  readonly bytes: number
}

/** Some parts of a view, here or in another process, as a query reads them. */
export interface PartSource {
  /** The numbers of its parts. */
  readonly partitions: readonly number[]
  /** Whether they are in another process. */
  readonly remote: boolean
  /** The entry of a key (and window) as JSON; undefined if there is none. */
  entry(key: unknown, windowStart: number | undefined): Promise<Reflecting<JsonEntry | undefined>>
  /** A page of a range. `holds` is called with its size in memory, in bytes, as that grows, and throws to end the page. */
  page(range: StoreRange<unknown>, holds: (bytes: number) => void): Promise<Reflecting<PartPage>>
}

async function entryIn(
  store: ViewPart['store'],
  key: unknown,
  windowStart: number | undefined,
): Promise<StoredEntry<unknown, unknown> | undefined> {
  if (windowStart !== undefined) return store.getWindow(key, windowStart)
  const value = await store.get(key)
  return value === undefined ? undefined : { key, value }
}

/** A part that this process serves. */
export function localSource(view: ServedView, part: ViewPart): PartSource {
  return {
    partitions: [part.partition],
    remote: false,
    async entry(key, windowStart) {
      // Read before the entry: a commit in between makes the entry newer than the position says, never older.
      const { position } = part
      const entry = await entryIn(part.store, key, windowStart)
      return { value: entry && jsonEntry(view, entry), position }
    },
    async page(range, holds) {
      const { position } = part
      const { entries, order, next, bytes } = await part.store.range(range)
      holds(bytes)
      return {
        value: { entries: entries.map((entry) => () => jsonEntry(view, entry)), order, next, bytes },
        position,
      }
    },
  }
}
