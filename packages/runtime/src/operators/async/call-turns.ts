import { Fifo } from './fifo.ts'
import type { QueuedCall } from './queued-call.ts'

/** Whose call is made next. Calls with the same `turn` are made one after the other, and others pass them. */
export class CallTurns {
  readonly #next = new Fifo<QueuedCall>()
  /** By a turn with a call that is next or under way: those behind it. */
  readonly #behind = new Map<string, Fifo<QueuedCall>>()

  /** The call that `take` returns; undefined if all are under way, or wait for those. */
  get next(): QueuedCall | undefined {
    return this.#next.first
  }

  add(call: QueuedCall): void {
    const { turn } = call
    const behind = turn === undefined ? undefined : this.#behind.get(turn)
    if (behind !== undefined) {
      behind.add(call)
      return
    }
    if (turn !== undefined) this.#behind.set(turn, new Fifo())
    this.#next.add(call)
  }

  take(): QueuedCall | undefined {
    return this.#next.take()
  }

  /** The call is done: the next one of its turn may begin. */
  done(call: QueuedCall): void {
    const { turn } = call
    if (turn === undefined) return
    const next = this.#behind.get(turn)?.take()
    if (next === undefined) this.#behind.delete(turn)
    else this.#next.add(next)
  }
}
