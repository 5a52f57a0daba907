import type { Serde } from '@millrace/core'
import type { ForeignRowsNode, JoinProgress, KeyValueStore, Move, Versioned } from '@millrace/core/internal'
import { anySerde } from '../any-serde.ts'
import { StreamOperator, type TableOperator } from '../operator.ts'
import type { CompileStep } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import type { Reference } from './foreign-keys.ts'
import { joinedRow, type UserJoin, userJoin } from './joined-row.ts'

export const compileForeignRows: CompileStep<ForeignRowsNode> = (node, context) => {
  const { label, stores, fn } = node
  const rows = context.keyValueStore(stores[0])
  // The boundary at which the plan's store gets the type of what this step keeps in it.
  const progress = context.keyValueStore(stores[1]) as KeyValueStore<unknown, JoinProgress>
  return () => {
    const kept = new ForeignRows(label, anySerde(stores[0].value), rows, progress, context.tableAfter(node))
    return [new MatchesOperator(kept), new UnmatchedOperator(kept, label, userJoin(fn))]
  }
}

/** What is known of a left row of which nothing has come back. */
const NOTHING: JoinProgress = { version: 0, came: [], left: [] }

/**
 * The joined rows. What is known of a left row comes back from the places of all right keys that it has referred to: in order from
 * each, but in any order from several. The number of the change decides: what is older than what has come is left out.
 *
 * If the row has come to another place, the former place has its last word still to send, that the row has left. What is known
 * of a row that is gone is forgotten only when all of these have come: then nothing older can come any more. One thing can: what
 * is left of an earlier life of the row, before it was deleted and made again. The end of that life is then on its way behind it.
 */
class ForeignRows {
  readonly #step: string
  readonly #value: Serde<unknown>
  readonly #rows: KeyValueStore<unknown, unknown>
  readonly #progress: KeyValueStore<unknown, JoinProgress>
  readonly #next: TableOperator | undefined

  constructor(
    step: string,
    value: Serde<unknown>,
    rows: KeyValueStore<unknown, unknown>,
    progress: KeyValueStore<unknown, JoinProgress>,
    next: TableOperator | undefined,
  ) {
    this.#step = step
    this.#value = value
    this.#rows = rows
    this.#progress = progress
    this.#next = next
  }

  take(key: unknown, { version, move, value }: Versioned<unknown>, timestamp: number): void {
    const known = this.#progress.find(key)
    const entry = this.#rows.find(key)
    const old = entry.value ?? null
    const before = known.value ?? NOTHING
    const moves = movesAfter(before, move, version)
    const isNew = move !== 'leaves' && version >= before.version
    const kept = isNew && value !== null ? storedValue(this.#step, this.#value, value, key) : null
    const row = isNew ? kept : old
    const isOver = row === null && moves.came.length === 0 && moves.left.length === 0
    this.#progress.set(known, isOver ? undefined : { version: isNew ? version : before.version, ...moves })
    if (!isNew || (row === null && old === null)) return
    this.#rows.set(entry, row ?? undefined)
    this.#next?.change(key, row, old, timestamp)
  }
}

/** The moves of which one of the two records is missing, once another record has come. */
function movesAfter({ came, left }: JoinProgress, move: Move, version: number): Pick<JoinProgress, 'came' | 'left'> {
  const isOther = (other: number) => other !== version
  if (move === 'comes') {
    return left.includes(version) ? { came, left: left.filter(isOther) } : { came: [...came, version], left }
  }
  if (move === 'leaves') {
    return came.includes(version) ? { came: came.filter(isOther), left } : { came, left: [...left, version] }
  }
  return { came, left }
}

/** Takes the joined rows. */
class MatchesOperator extends StreamOperator {
  readonly #rows: ForeignRows

  constructor(rows: ForeignRows) {
    super()
    this.#rows = rows
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    this.#rows.take(key, value as Versioned<unknown>, timestamp)
  }
}

/** Takes the left rows that refer to nothing. */
class UnmatchedOperator extends StreamOperator {
  readonly #rows: ForeignRows
  readonly #step: string
  readonly #fn: UserJoin

  constructor(rows: ForeignRows, step: string, fn: UserJoin) {
    super()
    this.#rows = rows
    this.#step = step
    this.#fn = fn
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    const { second } = value as Reference
    if (second === null) return
    const left = second.value
    const row = left === null ? null : joinedRow(this.#step, this.#fn, left, null, key)
    this.#rows.take(key, { ...second, value: row }, timestamp)
  }
}
