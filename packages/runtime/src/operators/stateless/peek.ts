import type { RecordContext } from '@millrace/core'
import type { PeekNode } from '@millrace/core/internal'
import { type UserCallback, userCallback } from '../callback.ts'
import { callbackFailed, StreamOperator } from '../operator.ts'
import { answered } from '../returned.ts'
import type { CompileStep } from '../step-context.ts'

export const compilePeek: CompileStep<PeekNode> = (node, context) => () => [
  new PeekOperator(node.label, userCallback(node.fn), context.record, context.streamAfter(node)),
]

/** Calls back and passes the record on as it is; tombstones pass without a callback. */
class PeekOperator extends StreamOperator {
  readonly #step: string
  readonly #fn: UserCallback
  readonly #context: RecordContext
  readonly #next: StreamOperator

  constructor(step: string, fn: UserCallback, context: RecordContext, next: StreamOperator) {
    super()
    this.#step = step
    this.#fn = fn
    this.#context = context
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value !== null) {
      try {
        // A promise is rejected, because nothing would observe its result.
        answered(this.#step, this.#fn(value, key, this.#context))
      } catch (error) {
        throw callbackFailed(this.#step, error)
      }
    }
    this.#next.process(key, value, timestamp)
  }
}
