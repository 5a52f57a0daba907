import type { GlobalInput } from './global-input.ts'

/**
 * The global tables of a task. They come before everything else: the task takes nothing else before it has read them to the ends that they
 * had when it was opened. After that it looks at them whenever it has read something else, so that a record meets every row that was there
 * before the record.
 */
export class GlobalTables {
  readonly inputs: readonly GlobalInput[]
  #caughtUp = false
  /** How often the other inputs had read something when nothing more was in the tables; undefined: look again. */
  #readsSeen: number | undefined

  constructor(inputs: readonly GlobalInput[]) {
    this.inputs = inputs
    this.#caughtUp = inputs.length === 0
  }

  /** Whether the task may take other things. */
  get caughtUp(): boolean {
    this.#caughtUp ||= this.inputs.every((input) => input.caughtUp)
    return this.#caughtUp
  }

  /** Time has passed: there may be more. */
  lookAgain(): void {
    this.#readsSeen = undefined
  }

  /** The input that has something to take before the others, which have read something `reads` times so far. */
  next(reads: number): GlobalInput | undefined {
    if (this.#readsSeen === reads) return undefined
    const next = this.inputs.find((input) => input.head !== 'none')
    if (next === undefined) this.#readsSeen = reads
    return next
  }
}
