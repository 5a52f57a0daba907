import {
  type ForeignKeysNode,
  type KeyValueStore,
  type Move,
  type Pair,
  sameData,
  type Versioned,
} from '@millrace/core/internal'
import { callbackFailed, type StreamOperator, TableOperator } from '../operator.ts'
import { returned } from '../returned.ts'
import type { CompileStep } from '../step-context.ts'

export const compileForeignKeys: CompileStep<ForeignKeysNode> = (node, context) => {
  const numbers = context.keyValueStore(node.stores[0])
  return () => [
    new ForeignKeysOperator(node.label, node.fn as UserKeyOf, node.unmatched, numbers, context.streamAfter(node)),
  ]
}

type UserKeyOf = (value: unknown, key: unknown) => unknown

/** A left key, and what its row is at one right key as of a change. */
export type Reference = Pair<unknown, Versioned<unknown>>

/** The key of the only entry in the store of numbers. */
const LAST = 'last'

/**
 * Sends each change of a left row to the right key that the row refers to. If the row refers to another one than before, the
 * former one gets a record too, before it.
 *
 * The changes of a task are numbered, and what is sent has the number of its change: what comes back from different right keys,
 * in any order, is put in order by it.
 */
class ForeignKeysOperator extends TableOperator {
  readonly #step: string
  readonly #keyOf: UserKeyOf
  /** Whether rows that refer to nothing are sent too, under the key null. */
  readonly #sendsUnmatched: boolean
  readonly #numbers: KeyValueStore<unknown, unknown>
  readonly #next: StreamOperator

  constructor(
    step: string,
    keyOf: UserKeyOf,
    sendsUnmatched: boolean,
    numbers: KeyValueStore<unknown, unknown>,
    next: StreamOperator,
  ) {
    super()
    this.#step = step
    this.#keyOf = keyOf
    this.#sendsUnmatched = sendsUnmatched
    this.#numbers = numbers
    this.#next = next
  }

  change(key: unknown, value: unknown, old: unknown, timestamp: number): void {
    const from = old === null ? undefined : this.#placeOf(key, old)
    const to = value === null ? undefined : this.#placeOf(key, value)
    if (from === undefined && to === undefined) return
    const number = this.#nextNumber()
    if (from !== undefined && to !== undefined && sameData(from, to)) {
      this.#send(to, key, number, 'stays', value, timestamp)
      return
    }
    if (from !== undefined) this.#send(from, key, number, to === undefined ? 'ends' : 'leaves', null, timestamp)
    if (to !== undefined) this.#send(to, key, number, from === undefined ? 'stays' : 'comes', value, timestamp)
  }

  #nextNumber(): number {
    const last = this.#numbers.find(LAST)
    const number = ((last.value as number | undefined) ?? 0) + 1
    this.#numbers.set(last, number)
    return number
  }

  #send(place: unknown, key: unknown, version: number, move: Move, value: unknown, timestamp: number): void {
    const reference: Reference = { first: key, second: { version, move, value } }
    this.#next.process(place, reference, timestamp)
  }

  /** The key under which a left row is sent; undefined if it is not. */
  #placeOf(key: unknown, value: unknown): unknown {
    let place: unknown
    try {
      place = returned(this.#step, this.#keyOf(value, key))
    } catch (error) {
      throw callbackFailed(this.#step, error)
    }
    return place === null && !this.#sendsUnmatched ? undefined : place
  }
}
