import type { JoinFn } from '@millrace/core/internal'
import { callbackFailed } from '../operator.ts'
import { returned } from '../returned.ts'

/** A user's join callback as an operator calls it. */
export type UserJoin = (left: unknown, right: unknown, key: unknown) => unknown

/** The boundary at which a plan's callback, typed by the DSL, becomes one that an operator can call. */
export function userJoin(fn: JoinFn): UserJoin {
  return fn as UserJoin
}

/** The row that two values make; null leaves it out. */
export function joinedRow(step: string, fn: UserJoin, left: unknown, right: unknown, key: unknown): unknown {
  try {
    return returned(step, fn(left, right, key))
  } catch (error) {
    throw callbackFailed(step, error)
  }
}
