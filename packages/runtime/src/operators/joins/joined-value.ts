import type { RecordContext } from '@millrace/core'
import { callbackFailed } from '../operator.ts'
import { returned } from '../returned.ts'

/** A user's joiner as an operator calls it. */
export type UserJoiner = (left: unknown, right: unknown, key: unknown, context: RecordContext) => unknown

/** What the callback of a join returns for a pair. Throws what the error policy handles. */
export function joinedValue(
  step: string,
  join: UserJoiner,
  left: unknown,
  right: unknown,
  key: unknown,
  context: RecordContext,
): unknown {
  try {
    return returned(step, join(left, right, key, context))
  } catch (error) {
    throw callbackFailed(step, error)
  }
}
