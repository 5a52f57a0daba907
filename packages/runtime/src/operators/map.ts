import type { RecordContext } from '@millrace/core'
import type { UserCallback } from './callback.ts'
import { callbackFailed, StreamOperator } from './operator.ts'

/** New key and value; tombstones end here, since there is no value to compute them from. */
export class MapOperator extends StreamOperator {
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
    let pair: readonly [unknown, unknown]
    try {
      pair = this.#fn(value, key, this.#context)
    } catch (error) {
      throw callbackFailed(this.#step, error)
    }
    this.#next.process(pair[0], pair[1], timestamp)
  }
}
