/** An answer that is remembered. */
export interface Answer {
  /** Null if there is nothing. */
  readonly found: unknown
  /** From then on it is too old, monotonic ms. */
  readonly untilMs: number
}

/** The last answers to lookups: those that were used longest ago make room for others. */
export class RemoteAnswers {
  readonly #sizeMax: number
  readonly #ttlMs: number
  /** In the order of their last use. */
  readonly #answers = new Map<string | number, Answer>()

  constructor(sizeMax: number, ttlMs: number) {
    this.#sizeMax = sizeMax
    this.#ttlMs = ttlMs
  }

  /** The answer for an id; undefined if it is missing or too old. */
  find(id: string | number, nowMs: number): Answer | undefined {
    const answer = this.#answers.get(id)
    if (answer === undefined) return undefined
    this.#answers.delete(id)
    if (answer.untilMs <= nowMs) return undefined
    this.#answers.set(id, answer)
    return answer
  }

  add(id: string | number, found: unknown, nowMs: number): void {
    this.#answers.delete(id)
    this.#answers.set(id, { found, untilMs: nowMs + this.#ttlMs })
    if (this.#answers.size <= this.#sizeMax) return
    const [oldest] = this.#answers.keys()
    if (oldest !== undefined) this.#answers.delete(oldest)
  }
}
