import { Fifo } from './fifo.ts'
import type { QueuedCall } from './queued-call.ts'

/** Whose call is made next. Calls of equal keys may have to be made one after the other: then those of other keys pass them. */
export class CallTurns {
  readonly #keyText: ((key: unknown) => string) | undefined
  readonly #next = new Fifo<QueuedCall>()
  /** By the text of a key with a call that is next or under way: those behind it. */
  readonly #behind = new Map<string, Fifo<QueuedCall>>()

  /** `keyText`: of keys that are equal; undefined if all calls may be made at once. */
  constructor(keyText: ((key: unknown) => string) | undefined) {
    this.#keyText = keyText
  }

  get hasNext(): boolean {
    return this.#next.first !== undefined
  }

  add(call: QueuedCall): void {
    const text = this.#textOf(call)
    const behind = text === undefined ? undefined : this.#behind.get(text)
    if (behind !== undefined) {
      behind.add(call)
      return
    }
    if (text !== undefined) this.#behind.set(text, new Fifo())
    this.#next.add(call)
  }

  take(): QueuedCall | undefined {
    return this.#next.take()
  }

  /** The call is done: the next one of its key may begin. */
  done(call: QueuedCall): void {
    const text = this.#textOf(call)
    if (text === undefined) return
    const next = this.#behind.get(text)?.take()
    if (next === undefined) this.#behind.delete(text)
    else this.#next.add(next)
  }

  #textOf({ key }: QueuedCall): string | undefined {
    return key === null ? undefined : this.#keyText?.(key)
  }
}
