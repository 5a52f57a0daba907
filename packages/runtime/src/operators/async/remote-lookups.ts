import { type AsyncContext, type Clock, RecordError } from '@millrace/core'
import { describeValue, type LookupPlan } from '@millrace/core/internal'
import { callbackFailed } from '../operator.ts'
import { returned } from '../returned.ts'
import { RemoteAnswers } from './remote-answers.ts'
import type { Outcome } from './tries.ts'

type By = (value: unknown, key: unknown) => unknown
type Lookup = (id: string | number, context: unknown) => unknown
type Join = (value: unknown, found: unknown, key: unknown) => unknown

/**
 * Joins records with what the outside world has for them, and remembers the answers. Records with the same id have their turns one
 * after the other: while the first one is looked up, the others wait for its answer.
 */
export class RemoteLookups {
  readonly #step: string
  readonly #by: By
  readonly #lookup: Lookup
  readonly #join: Join
  readonly #answers: RemoteAnswers
  readonly #clock: Clock

  constructor(step: string, { by, lookup, join, size, ttlMs }: LookupPlan, clock: Clock) {
    this.#step = step
    this.#by = by as By
    this.#lookup = lookup as Lookup
    this.#join = join as Join
    this.#answers = new RemoteAnswers(size, ttlMs)
    this.#clock = clock
  }

  /** What records have in common that are looked up by the same id; undefined if the id is not known. */
  turnOf(value: unknown, key: unknown): string | undefined {
    try {
      const id = this.#idOf(value, key)
      return `${typeof id} ${id}`
    } catch {
      // The call fails for the same reason, and then the policy acts.
      return undefined
    }
  }

  /** What a record comes to without a lookup, if the answer is known; undefined if it is not. */
  known(value: unknown, key: unknown): Outcome | undefined {
    try {
      const answer = this.#answers.find(this.#idOf(value, key), this.#clock.monotonic())
      return answer && { result: returned(this.#step, this.#join(value, answer.found, key)) }
    } catch (error) {
      const failed = callbackFailed(this.#step, error)
      if (!(failed instanceof RecordError)) throw failed
      return { error: failed }
    }
  }

  /** Looks up what a record needs, unless an earlier try has, and joins it. */
  readonly call = async (value: unknown, key: unknown, context: AsyncContext): Promise<unknown> => {
    const id = this.#idOf(value, key)
    const answer = this.#answers.find(id, this.#clock.monotonic())
    if (answer !== undefined) return this.#join(value, answer.found, key)
    const found = await this.#lookup(id, context)
    if (found === undefined) throw new Error('the lookup gave undefined. Give null if there is nothing')
    this.#answers.add(id, found, this.#clock.monotonic())
    return this.#join(value, found, key)
  }

  #idOf(value: unknown, key: unknown): string | number {
    const id = this.#by(value, key)
    if (typeof id === 'string' || typeof id === 'number') return id
    throw new Error(`by gave ${describeValue(id)}. It must give a string or a number`)
  }
}
