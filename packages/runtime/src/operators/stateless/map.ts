import type { RecordContext } from '@millrace/core'
import type { MapNode } from '@millrace/core/internal'
import { type UserCallback, userCallback } from '../callback.ts'
import { callbackFailed, StreamOperator } from '../operator.ts'
import { pair } from '../returned.ts'
import type { CompileStep } from '../step-context.ts'

export const compileMap: CompileStep<MapNode> = (node, context) => () => [
  new MapOperator(node.label, userCallback(node.fn), context.record, context.streamAfter(node)),
]

/** New key and value; tombstones end here, since there is no value to compute them from. */
class MapOperator extends StreamOperator {
  readonly #step: string
  readonly #fn: UserCallback<readonly [unknown, unknown]>
  readonly #context: RecordContext
  readonly #next: StreamOperator

  constructor(
    step: string,
    fn: UserCallback<readonly [unknown, unknown]>,
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
    let mapped: readonly [unknown, unknown]
    try {
      mapped = pair(this.#step, this.#fn(value, key, this.#context))
    } catch (error) {
      throw callbackFailed(this.#step, error)
    }
    this.#next.process(mapped[0], mapped[1], timestamp)
  }
}
