import type { RecordContext } from '@millrace/core'
import type { KeyByNode } from '@millrace/core/internal'
import { type UserCallback, userCallback } from '../callback.ts'
import { callbackFailed, StreamOperator } from '../operator.ts'
import { returned } from '../returned.ts'
import type { CompileStep } from '../step-context.ts'

export const compileKeyBy: CompileStep<KeyByNode> = (node, context) => () => [
  new KeyByOperator(node.label, userCallback(node.fn), context.record, context.streamAfter(node)),
]

/** New key, same value; tombstones end here, since there is no value to take a key from. */
class KeyByOperator extends StreamOperator {
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
    if (value === null) return
    let newKey: unknown
    try {
      newKey = returned(this.#step, this.#fn(value, key, this.#context))
    } catch (error) {
      throw callbackFailed(this.#step, error)
    }
    this.#next.process(newKey, value, timestamp)
  }
}
