import type { RecordContext } from '@millrace/core'
import type { FlatMapValuesNode } from '@millrace/core/internal'
import { type UserCallback, userCallback } from '../callback.ts'
import { callbackFailed, StreamOperator } from '../operator.ts'
import { listed, returned } from '../returned.ts'
import type { CompileStep } from '../step-context.ts'

export const compileFlatMapValues: CompileStep<FlatMapValuesNode> = (node, context) => () => [
  new FlatMapValuesOperator(node.label, userCallback(node.fn), context.record, context.streamAfter(node)),
]

/** Any number of new values for a record, under its key; tombstones end here. */
class FlatMapValuesOperator extends StreamOperator {
  readonly #step: string
  readonly #fn: UserCallback<Iterable<unknown>>
  readonly #context: RecordContext
  readonly #next: StreamOperator

  constructor(step: string, fn: UserCallback<Iterable<unknown>>, context: RecordContext, next: StreamOperator) {
    super()
    this.#step = step
    this.#fn = fn
    this.#context = context
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    let values: readonly unknown[]
    try {
      // A generator runs to its end here, so that its errors can be distinguished from errors of the steps downstream.
      values = listed(this.#step, this.#fn(value, key, this.#context))
    } catch (error) {
      throw callbackFailed(this.#step, error)
    }
    for (const each of values) this.#next.process(key, returned(this.#step, each), timestamp)
  }
}
