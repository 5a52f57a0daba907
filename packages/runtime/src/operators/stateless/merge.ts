import type { LateNode, MergeNode } from '@millrace/core/internal'
import type { CompileStep } from '../step-context.ts'

/** Each port leads to the steps behind: a merge is only a name for the place where streams meet. */
export const compileMerge: CompileStep<MergeNode> = (node, context) => () => {
  const next = context.streamAfter(node)
  return node.inputs.map(() => next)
}

/** The aggregate itself passes on the late records. */
export const compileLate: CompileStep<LateNode> = (node, context) => () => [context.streamAfter(node)]
