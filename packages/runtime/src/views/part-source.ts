import type { Position } from '@millrace/core'
import type { StoreRange } from '@millrace/core/internal'
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
  /** The value of a key (and window) as JSON, or undefined. */
  value(key: unknown, windowStart: number | undefined): Promise<Reflecting<unknown>>
  /** A page of a range. `holds` is called with its size in memory, in bytes, as that grows, and throws to end the page. */
  page(range: StoreRange<unknown>, holds: (bytes: number) => void): Promise<Reflecting<PartPage>>
}

/** A part that this process serves. */
export function localSource(view: ServedView, part: ViewPart): PartSource {
  return {
    partitions: [part.partition],
    remote: false,
    async value(key, windowStart) {
      // Read before the value: a commit in between makes the value newer than the position says, never older.
      const { position } = part
      const value = await (windowStart === undefined ? part.store.get(key) : part.store.getWindow(key, windowStart))
      return { value: value === undefined ? undefined : view.value.toJson(value), position }
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
