import type { ErrorPolicyNode } from '@millrace/core/internal'
import type { CompileStep } from '../step-context.ts'

/** The policy is that of the steps behind: nothing happens with the records here. */
export const compileErrorPolicy: CompileStep<ErrorPolicyNode> = (node, context) => () => [context.streamAfter(node)]
