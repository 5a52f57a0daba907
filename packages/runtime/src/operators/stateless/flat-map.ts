import type { RecordContext } from '@millrace/core'
import type { FlatMapNode } from '@millrace/core/internal'
import { type UserCallback, userCallback } from '../callback.ts'
import { callbackFailed, StreamOperator } from '../operator.ts'
import { listed, pair } from '../returned.ts'
import type { CompileStep } from '../step-context.ts'

export const compileFlatMap: CompileStep<FlatMapNode> = (node, context) => () => [
  new FlatMapOperator(node.label, userCallback(node.fn), context.record, context.streamAfter(node)),
]

/** Any number of new keys and values for a record; tombstones end here. */
class FlatMapOperator extends StreamOperator {
  readonly #step: string
  readonly #fn: UserCallback<Iterable<readonly [unknown, unknown]>>
  readonly #context: RecordContext
  readonly #next: StreamOperator

  constructor(
    step: string,
    fn: UserCallback<Iterable<readonly [unknown, unknown]>>,
    context: RecordContext,
    next: StreamOperator,
  ) {
    super()
    this.#step = step
    this.#fn = fn
    this.#context = context
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    let pairs: readonly (readonly [unknown, unknown])[]
    try {
      // A generator runs to its end here, so that its errors can be distinguished from errors of the steps downstream.
      pairs = listed(this.#step, this.#fn(value, key, this.#context))
    } catch (error) {
      throw callbackFailed(this.#step, error)
    }
    for (const each of pairs) {
      const mapped = pair(this.#step, each)
      this.#next.process(mapped[0], mapped[1], timestamp)
    }
  }
}
