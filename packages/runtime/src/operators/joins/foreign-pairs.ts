import { ByteWriter, type Serde } from '@millrace/core'
import type { Entry, KeyValueStore, Sorted, SortedStore, Timed, Versioned } from '@millrace/core/internal'
import type { StreamOperator } from '../operator.ts'
import { joinedRow, type UserJoin } from './joined-row.ts'

/** A left row that refers to a right key, with its time, as of a change. */
export type Referring = Versioned<Timed<unknown>>

/** What matches are made from. */
export interface MatchParts {
  readonly step: string
  readonly fn: UserJoin
  /** Whether left rows are kept whose right row is not there. */
  readonly unmatched: boolean
  /** How right keys are written. */
  readonly key: Serde<unknown>
  readonly references: SortedStore<unknown, Referring, Uint8Array>
  readonly rights: KeyValueStore<unknown, Timed<unknown>>
  readonly next: StreamOperator
}

/** The left rows by the right key that they refer to, the right rows, and what the two make. */
export class Matches {
  readonly references: SortedStore<unknown, Referring, Uint8Array>
  readonly rights: KeyValueStore<unknown, Timed<unknown>>
  readonly #parts: MatchParts
  readonly #bytes = new ByteWriter(64)

  constructor(parts: MatchParts) {
    this.#parts = parts
    this.references = parts.references
    this.rights = parts.rights
  }

  /** What the left rows that refer to a right key are sorted by. */
  placeOf(rightKey: unknown): Buffer {
    const bytes = this.#bytes
    bytes.clear()
    this.#parts.key.encode(rightKey, bytes)
    return bytes.toBytes()
  }

  /** The left rows that refer to a right key, always in the same order. */
  referringTo(rightKey: unknown): Iterable<Entry<unknown, Sorted<Referring, Uint8Array>>> {
    const from = this.placeOf(rightKey)
    // No bytes are between some bytes and these with a zero behind them.
    return this.references.inOrder({ from, to: Buffer.concat([from, Buffer.of(0)]) })
  }

  /** Sends the row that a left row and the right row make, or that there is none, with the later time of the two. */
  send(
    leftKey: unknown,
    { version, move, value: left }: Referring,
    right: Timed<unknown> | undefined,
    timestamp: number,
  ): void {
    const { step, fn, unmatched, next } = this.#parts
    const joins = left !== null && (right !== undefined || unmatched)
    const row = joins ? joinedRow(step, fn, left.value, right?.value ?? null, leftKey) : null
    const answer: Versioned<unknown> = { version, move, value: row }
    next.process(leftKey, answer, Math.max(timestamp, left?.at ?? timestamp, right?.at ?? timestamp))
  }
}
