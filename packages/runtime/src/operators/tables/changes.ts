import type { ChangesNode } from '@millrace/core/internal'
import { type StreamOperator, TableOperator } from '../operator.ts'
import type { CompileStep } from '../step-context.ts'

export const compileChanges: CompileStep<ChangesNode> = (node, context) => () => [
  new ChangesOperator(context.streamAfter(node)),
]

/** A table's changes as a stream: a deleted row becomes a tombstone. */
export class ChangesOperator extends TableOperator {
  readonly #next: StreamOperator

  constructor(next: StreamOperator) {
    super()
    this.#next = next
  }

  change(key: unknown, value: unknown, _old: unknown, timestamp: number): void {
    this.#next.process(key, value, timestamp)
  }
}
