import type { RecordContext } from '@millrace/core'
import type { BranchNode } from '@millrace/core/internal'
import { type UserCallback, userCallback } from '../callback.ts'
import { callbackFailed, StreamOperator } from '../operator.ts'
import { answered } from '../returned.ts'
import type { CompileStep } from '../step-context.ts'

export const compileBranch: CompileStep<BranchNode> = (node, context) => () => [
  new BranchOperator(
    node.label,
    node.before.map(userCallback),
    node.fn && userCallback(node.fn),
    context.record,
    context.streamAfter(node),
  ),
]

/** Passes the records that this branch accepts and no earlier branch does; tombstones go to the branch for the rest. */
class BranchOperator extends StreamOperator {
  readonly #step: string
  readonly #before: readonly UserCallback[]
  readonly #fn: UserCallback | undefined
  readonly #context: RecordContext
  readonly #next: StreamOperator

  constructor(
    step: string,
    before: readonly UserCallback[],
    fn: UserCallback | undefined,
    context: RecordContext,
    next: StreamOperator,
  ) {
    super()
    this.#step = step
    this.#before = before
    this.#fn = fn
    this.#context = context
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null ? this.#fn === undefined : this.#accepts(value, key)) this.#next.process(key, value, timestamp)
  }

  #accepts(value: unknown, key: unknown): boolean {
    try {
      for (const earlier of this.#before) {
        if (answered(this.#step, earlier(value, key, this.#context))) return false
      }
      return this.#fn === undefined || answered(this.#step, this.#fn(value, key, this.#context))
    } catch (error) {
      throw callbackFailed(this.#step, error)
    }
  }
}
