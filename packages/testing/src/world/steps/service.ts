import type { AsyncContext } from '@millrace/core'
import type { Machine } from '../../machine/machine.ts'
import type { SeededRandom } from '../../machine/seeded-random.ts'
import type { Event } from './events.ts'

/** How long an answer takes. */
const ANSWER_MS_MAX = 40
/** How many calls fail: some after they had their effect. And how many are never answered. */
const FAILING = 0.2
const SILENT = 0.03
/** What a step of the job does about both. */
export const CALLING = {
  timeout: 250,
  retry: { times: Number.POSITIVE_INFINITY, backoff: 10, backoffMax: 40 },
} as const

/** An effect that the service has had. */
export interface Act {
  readonly key: string
  readonly id: number
  readonly idempotencyKey: string
}

/** A service outside of the machine: no crash ends it. */
export class Service {
  /** Everything that it has done, in its order. */
  readonly acts: Act[] = []
  readonly #machine: Machine
  readonly #random: SeededRandom

  constructor(machine: Machine) {
    this.#machine = machine
    this.#random = machine.random.fork('service')
  }

  /** Answers after a while, or fails, or never answers. */
  async answer(size: number): Promise<number> {
    await this.#wait()
    if (this.#random.chance(FAILING)) throw new Error('The service failed')
    return answerTo(size)
  }

  /** Does something after a while; the caller may not come to know. */
  async act(key: string, { id }: Event, { idempotencyKey }: AsyncContext): Promise<void> {
    await this.#wait()
    const fails = this.#random.chance(FAILING)
    if (fails && this.#random.chance(0.5)) throw new Error('The service failed')
    this.acts.push({ key, id, idempotencyKey })
    if (fails) throw new Error('The service failed after it had acted')
  }

  #wait(): Promise<void> {
    if (this.#random.chance(SILENT)) return new Promise(() => undefined)
    const ms = this.#random.below(ANSWER_MS_MAX)
    return new Promise((resolve) => {
      this.#machine.after(ms, resolve)
    })
  }
}

export function answerTo(size: number): number {
  return 2 * size + 1
}
