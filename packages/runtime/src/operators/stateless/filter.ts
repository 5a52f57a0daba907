import type { RecordContext } from '@millrace/core'
import type { FilterNode } from '@millrace/core/internal'
import { type UserCallback, userCallback } from '../callback.ts'
import { callbackFailed, StreamOperator } from '../operator.ts'
import { answered } from '../returned.ts'
import type { CompileStep } from '../step-context.ts'

export const compileFilter: CompileStep<FilterNode> = (node, context) => () => [
  new FilterOperator(node.label, userCallback(node.fn), node.keep, context.record, context.streamAfter(node)),
]

/** Passes the records for which the callback's result, as a boolean, is `keep`; tombstones pass. */
class FilterOperator extends StreamOperator {
  readonly #step: string
  readonly #fn: UserCallback
  readonly #keep: boolean
  readonly #context: RecordContext
  readonly #next: StreamOperator

  constructor(step: string, fn: UserCallback, keep: boolean, context: RecordContext, next: StreamOperator) {
    super()
    this.#step = step
    this.#fn = fn
    this.#keep = keep
    this.#context = context
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value !== null) {
      let answer: boolean
      try {
        answer = answered(this.#step, this.#fn(value, key, this.#context))
      } catch (error) {
        throw callbackFailed(this.#step, error)
      }
      if (answer !== this.#keep) return
    }
    this.#next.process(key, value, timestamp)
  }
}
