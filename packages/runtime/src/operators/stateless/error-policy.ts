import type { ErrorPolicyNode } from '@millrace/core/internal'
import { IGNORE } from '../operator.ts'
import type { CompileStep } from '../step-context.ts'

/** The policy is that of the steps behind: nothing happens with records and changes here. */
export const compileErrorPolicy: CompileStep<ErrorPolicyNode> = (node, context) => () => [
  node.takes[0] === 'changes' ? (context.tableAfter(node) ?? IGNORE) : context.streamAfter(node),
]
