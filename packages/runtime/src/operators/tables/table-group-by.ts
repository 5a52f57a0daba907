import type { RecordContext } from '@millrace/core'
import { type Change, sameData, type TableGroupByNode } from '@millrace/core/internal'
import { type UserCallback, userCallback } from '../callback.ts'
import { callbackFailed, type StreamOperator, TableOperator } from '../operator.ts'
import { returned } from '../returned.ts'
import type { CompileStep } from '../step-context.ts'

export const compileTableGroupBy: CompileStep<TableGroupByNode> = (node, context) => () => [
  new TableGroupByOperator(
    node.label,
    userCallback(node.fn),
    node.readsValues,
    context.record,
    context.streamAfter(node),
  ),
]

/**
 * Sends each change of a row to the group of the row, as one record. If the row changes groups, its old value leaves the old
 * one first, and its new value enters the new one. A change inside one group is not sent if values do not matter.
 */
class TableGroupByOperator extends TableOperator {
  readonly #step: string
  readonly #fn: UserCallback
  readonly #readsValues: boolean
  readonly #context: RecordContext
  readonly #next: StreamOperator

  constructor(step: string, fn: UserCallback, readsValues: boolean, context: RecordContext, next: StreamOperator) {
    super()
    this.#step = step
    this.#fn = fn
    this.#readsValues = readsValues
    this.#context = context
    this.#next = next
  }

  change(key: unknown, value: unknown, old: unknown, timestamp: number): void {
    const from = old === null ? undefined : this.#groupOf(key, old)
    const to = value === null ? undefined : this.#groupOf(key, value)
    if (from !== undefined && to !== undefined && sameData(from, to)) {
      if (this.#readsValues) this.#send(to, { first: old, second: value }, timestamp)
      return
    }
    if (from !== undefined) this.#send(from, { first: old, second: null }, timestamp)
    if (to !== undefined) this.#send(to, { first: null, second: value }, timestamp)
  }

  #send(group: unknown, change: Change<unknown>, timestamp: number): void {
    this.#next.process(group, change, timestamp)
  }

  #groupOf(key: unknown, value: unknown): unknown {
    try {
      return returned(this.#step, this.#fn(value, key, this.#context))
    } catch (error) {
      throw callbackFailed(this.#step, error)
    }
  }
}
