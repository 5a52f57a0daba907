import type { LateNode, MergeNode } from '@millrace/core/internal'
import type { CompileStep } from './step-context.ts'

/** Each port leads to the steps behind: a merge is only a name for where streams meet. */
export const compileMerge: CompileStep<MergeNode> = (node, context) => () => {
  const next = context.streamAfter(node)
  return node.inputs.map(() => next)
}

/** The aggregate passes late records on by itself. */
export const compileLate: CompileStep<LateNode> = (node, context) => () => [context.streamAfter(node)]
