import type { Position } from '@millrace/core'
import type { StorePage, StoreRange } from '@millrace/core/internal'
import type { ViewPart } from './served-view.ts'

/** An answer and what it reflects: everything before `position`, and maybe more; never less. */
export interface Reflecting<T> {
  readonly value: T
  readonly position: Position
}

/** Some parts of a view, here or in another process, as a query reads them. */
export interface PartSource {
  /** The numbers of its parts. */
  readonly partitions: readonly number[]
  /** The value of a key (and window), or undefined. */
  value(key: unknown, windowStart: number | undefined): Promise<Reflecting<unknown>>
  page(range: StoreRange<unknown>): Promise<Reflecting<StorePage<unknown, unknown>>>
}

/** A part that this process serves. */
export function localSource(part: ViewPart): PartSource {
  return {
    partitions: [part.partition],
    async value(key, windowStart) {
      // Before the read: a commit in between makes the value newer than the position says, never older.
      const { position } = part
      const value = await (windowStart === undefined ? part.store.get(key) : part.store.getWindow(key, windowStart))
      return { value, position }
    },
    async page(range) {
      const { position } = part
      return { value: await part.store.range(range), position }
    },
  }
}
