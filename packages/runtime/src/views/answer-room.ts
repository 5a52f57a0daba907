import {
  PAGE_BYTES_MAX,
  PAGE_RESERVED_BYTES,
  PAGE_RESERVED_BYTES_MIN,
  VALUE_RESERVED_BYTES,
  VALUE_RESERVED_BYTES_MIN,
} from './limits.ts'
import type { ServedView } from './served-view.ts'

/** A page is held in this many forms at one time: its stored bytes, their JSON, and the answer as text and as bytes. */
const FORMS = 4
/** Entries of the next page may be larger than those of the pages before. */
const CAUTION = 2

/** What a page may hold: the room that it takes of the budget, and the stored bytes at which it ends. */
export interface PageRoom {
  readonly reservedBytes: number
  readonly bytesMax: number
}

/**
 * How much room the answers about views need, from what was read before: many small answers can be made at one time. A page that
 * would need more than its room ends earlier, and its `next` continues it.
 */
export class AnswerRooms {
  /** The largest mean size of a page's entries, stored bytes. */
  readonly #entryBytes = new WeakMap<ServedView, number>()

  /** The room for a page of so many entries. Before the first page of a view it is that of the largest page. */
  roomFor(view: ServedView, limit: number): PageRoom {
    const entryBytes = this.#entryBytes.get(view)
    if (entryBytes === undefined) return { reservedBytes: PAGE_RESERVED_BYTES, bytesMax: PAGE_BYTES_MAX }
    const needed = FORMS * CAUTION * limit * entryBytes
    const reservedBytes = Math.min(PAGE_RESERVED_BYTES, Math.max(PAGE_RESERVED_BYTES_MIN, needed))
    return { reservedBytes, bytesMax: Math.min(PAGE_BYTES_MAX, Math.floor(reservedBytes / FORMS)) }
  }

  /** The room for one value, bytes. Before the first one of a view is read, it is that of a value of 1 MiB. */
  reservedForValue(view: ServedView): number {
    const entryBytes = this.#entryBytes.get(view)
    if (entryBytes === undefined) return VALUE_RESERVED_BYTES
    return Math.min(VALUE_RESERVED_BYTES, Math.max(VALUE_RESERVED_BYTES_MIN, FORMS * CAUTION * entryBytes))
  }

  /** Takes note of entries that were read: their stored bytes, and how many they are. */
  read(view: ServedView, bytes: number, entries: number): void {
    if (entries > 0) this.#entryBytes.set(view, Math.max(this.#entryBytes.get(view) ?? 0, bytes / entries))
  }
}
