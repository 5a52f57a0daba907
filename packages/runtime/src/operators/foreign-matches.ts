import { ByteWriter, type Serde } from '@millrace/core'
import type { ForeignMatchesNode, KeyValueStore, SortedStore, Timed, Versioned } from '@millrace/core/internal'
import { anySerde } from './any-serde.ts'
import type { Reference } from './foreign-keys.ts'
import { joinedRow, type UserJoin, userJoin } from './joined-row.ts'
import { StreamOperator } from './operator.ts'
import type { CompileStep } from './step-context.ts'
import { storedValue } from './stored-value.ts'

export const compileForeignMatches: CompileStep<ForeignMatchesNode> = (node, context) => {
  const [references, rights] = [context.sortedStore(node.stores[0]), context.keyValueStore(node.stores[1])]
  return () => {
    const matches = new Matches(
      node.label,
      userJoin(node.fn),
      node.unmatched,
      anySerde(node.right.key),
      // The boundary at which the plan's stores get the types of what this step keeps in them.
      references as SortedStore<unknown, Referring, Uint8Array>,
      rights as KeyValueStore<unknown, Timed<unknown>>,
      context.streamAfter(node),
    )
    return [new ReferencesOperator(matches), new RightRowsOperator(matches, node.label, anySerde(node.right.value))]
  }
}

/** A left row that refers to a right key, with its time, as of a change. */
type Referring = Versioned<Timed<unknown>>

/** What both ports share: the left rows by right key, the right rows, and what the two make. */
class Matches {
  readonly references: SortedStore<unknown, Referring, Uint8Array>
  readonly rights: KeyValueStore<unknown, Timed<unknown>>
  readonly #step: string
  readonly #fn: UserJoin
  readonly #keepsUnmatched: boolean
  readonly #key: Serde<unknown>
  readonly #next: StreamOperator
  readonly #bytes = new ByteWriter(64)

  constructor(
    step: string,
    fn: UserJoin,
    keepsUnmatched: boolean,
    key: Serde<unknown>,
    references: SortedStore<unknown, Referring, Uint8Array>,
    rights: KeyValueStore<unknown, Timed<unknown>>,
    next: StreamOperator,
  ) {
    this.#step = step
    this.#fn = fn
    this.#keepsUnmatched = keepsUnmatched
    this.#key = key
    this.references = references
    this.rights = rights
    this.#next = next
  }

  /** What the left rows that refer to a right key are sorted by. */
  placeOf(rightKey: unknown): Buffer {
    const bytes = this.#bytes
    bytes.clear()
    this.#key.encode(rightKey, bytes)
    return bytes.toBytes()
  }

  /** Sends the row that a left row and the right row make, or that there is none, with the later time of the two. */
  send(
    leftKey: unknown,
    { version, move, value: left }: Referring,
    right: Timed<unknown> | undefined,
    timestamp: number,
  ): void {
    const joins = left !== null && (right !== undefined || this.#keepsUnmatched)
    const row = joins ? joinedRow(this.#step, this.#fn, left.value, right?.value ?? null, leftKey) : null
    const answer: Versioned<unknown> = { version, move, value: row }
    this.#next.process(leftKey, answer, Math.max(timestamp, left?.at ?? timestamp, right?.at ?? timestamp))
  }
}

/**
 * Takes the left rows that come to, stay at, and leave a right key. Each gets an answer, also if there is no row: it takes the
 * place of what the left row had before.
 */
class ReferencesOperator extends StreamOperator {
  readonly #matches: Matches

  constructor(matches: Matches) {
    super()
    this.#matches = matches
  }

  process(rightKey: unknown, value: unknown, timestamp: number): void {
    const matches = this.#matches
    const { first: leftKey, second } = value as Reference
    if (second === null) return
    const { version, move, value: left } = second
    const entry = matches.references.find(leftKey)
    if (left === null) {
      if (entry.value !== undefined) matches.references.set(entry, undefined)
      matches.send(leftKey, { version, move, value: null }, undefined, timestamp)
      return
    }
    const timed = { at: timestamp, value: left }
    matches.references.set(entry, {
      // It comes once: what follows because the right row changes is about a row that stays.
      value: { version, move: 'stays', value: timed },
      order: matches.placeOf(rightKey),
    })
    matches.send(leftKey, { version, move, value: timed }, matches.rights.find(rightKey).value, timestamp)
  }
}

/** Takes the changes of right rows: all left rows that refer to one are joined again. */
class RightRowsOperator extends StreamOperator {
  readonly #matches: Matches
  readonly #step: string
  readonly #value: Serde<unknown>

  constructor(matches: Matches, step: string, value: Serde<unknown>) {
    super()
    this.#matches = matches
    this.#step = step
    this.#value = value
  }

  process(rightKey: unknown, value: unknown, timestamp: number): void {
    const { references, rights } = this.#matches
    const entry = rights.find(rightKey)
    if (value === null && entry.value === undefined) return
    const right =
      value === null ? undefined : { at: timestamp, value: storedValue(this.#step, this.#value, value, rightKey) }
    rights.set(entry, right)
    const from = this.#matches.placeOf(rightKey)
    // No bytes are between some bytes and these with a zero behind them.
    const to = Buffer.concat([from, Buffer.of(0)])
    for (const { key: leftKey, value: referring } of references.inOrder({ from, to })) {
      if (referring !== undefined) this.#matches.send(leftKey, referring.value, right, timestamp)
    }
  }
}
