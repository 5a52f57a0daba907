import type { RecordContext } from '@millrace/core'
import type { MapValuesNode } from '@millrace/core/internal'
import { type UserCallback, userCallback } from '../callback.ts'
import { callbackFailed, StreamOperator } from '../operator.ts'
import { returned } from '../returned.ts'
import type { CompileStep } from '../step-context.ts'

export const compileMapValues: CompileStep<MapValuesNode> = (node, context) => () => [
  new MapValuesOperator(node.label, userCallback(node.fn), context.record, context.streamAfter(node)),
]

/** New value, same key; tombstones pass. */
class MapValuesOperator extends StreamOperator {
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
    let mapped: unknown = null
    if (value !== null) {
      try {
        mapped = returned(this.#step, this.#fn(value, key, this.#context))
      } catch (error) {
        throw callbackFailed(this.#step, error)
      }
    }
    this.#next.process(key, mapped, timestamp)
  }
}
