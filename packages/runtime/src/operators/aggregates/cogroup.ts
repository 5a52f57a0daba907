import type { CogroupNode } from '@millrace/core/internal'
import type { CompileStep } from '../step-context.ts'
import { AggregateOperator } from './aggregate.ts'
import { foldOf } from './fold.ts'

/** An aggregate of several streams: each port adds to the same totals in its own way. */
export const compileCogroup: CompileStep<CogroupNode> = (node, context) => () => {
  const { label, init, stores } = node
  const totals = context.keyValueStore(stores[0])
  const next = context.tableAfter(node)
  return node.adds.map((add) => {
    const fold = foldOf(node, { label, init, add, stores }, context)
    return new AggregateOperator(fold, totals, next)
  })
}
