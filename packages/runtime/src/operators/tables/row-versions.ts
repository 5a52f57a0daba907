import type { Entry, InstantEntry, InstantStore, KeyValueStore } from '@millrace/core/internal'

/** Before all event times. */
const NEVER = Number.NEGATIVE_INFINITY

/**
 * The rows of a table, and the versions that others have replaced. A version holds from its time up to that of the next one; deletions are
 * versions too. The last version of a key is its row, with its time. Each one before it is in a store by the time at which it ended, and has
 * the time from which on it held: so versions are forgotten in the order in which they ended, and one that still holds is never.
 *
 * All times that come must be within the history: which versions before it are left in the store depends on commits, and no result may.
 */
export class RowVersions {
  readonly #rows: KeyValueStore<unknown, unknown>
  readonly #versions: InstantStore<unknown, unknown>

  constructor(rows: KeyValueStore<unknown, unknown>, versions: InstantStore<unknown, unknown>) {
    this.#rows = rows
    this.#versions = versions
  }

  /** The row that a key has now. */
  row(key: unknown): Entry<unknown, unknown> {
    return this.#rows.find(key)
  }

  /** The value that a key had at a time; null if it had none. */
  asOf(key: unknown, at: number): unknown {
    const row = this.#rows.find(key)
    if (row.value !== undefined && row.time <= at) return row.value
    const version = this.#endingAfter(key, at)
    return version === undefined || version.time > at ? null : version.value
  }

  /**
   * Gives a key another value from a time on, up to its next version; null deletes. Of several with the same time, the one that comes last
   * counts. Returns whether it is the last version: the row.
   */
  put(row: Entry<unknown, unknown>, value: unknown, at: number): boolean {
    const since = this.#lastSince(row)
    if (at < since) {
      this.#putBefore(row.key, value, at, since)
      return false
    }
    if (at > since && since !== NEVER) this.#versions.set(this.#ending(row.key, at), row.value ?? null, since)
    else if (value === null) this.#keepEnd(row.key, at)
    if (value !== null || row.value !== undefined) this.#rows.set(row, value ?? undefined, at)
    return true
  }

  /** The time from which on the last version of a key holds: its row, or its deletion, which is the end of the version before. */
  #lastSince(row: Entry<unknown, unknown>): number {
    if (row.value !== undefined) return row.time
    for (const { at } of this.#versions.ofKey(row.key, NEVER, Number.POSITIVE_INFINITY, true)) return at
    return NEVER
  }

  /** Puts a version between others; `since`: the time of the last one. */
  #putBefore(key: unknown, value: unknown, at: number, since: number): void {
    const next = this.#endingAfter(key, at)
    if (next === undefined || next.time > at) {
      this.#versions.set(this.#ending(key, next?.time ?? since), value, at)
      return
    }
    if (next.time < at) this.#versions.set(this.#ending(key, at), next.value, next.time)
    this.#versions.set(next, value, at)
  }

  /** A key without a version before its deletion has one without a value: its end is the time of the deletion. */
  #keepEnd(key: unknown, at: number): void {
    const before = this.#ending(key, at)
    if (before.value === undefined) this.#versions.set(before, null, 0)
  }

  #ending(key: unknown, at: number): InstantEntry<unknown, unknown> {
    return this.#versions.find(key, at, 0)
  }

  /** The version that held at a time, or else the first one after it; undefined if only the last version may. */
  #endingAfter(key: unknown, at: number): InstantEntry<unknown, unknown> | undefined {
    for (const version of this.#versions.ofKey(key, at + 1)) return version
    return undefined
  }
}
