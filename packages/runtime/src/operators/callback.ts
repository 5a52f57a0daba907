import type { RecordContext } from '@millrace/core'

/** A user's function as an operator calls it; its parameters have the types that the DSL declares. */
export type UserCallback<R = unknown> = (value: unknown, key: unknown, context: RecordContext) => R

/** A user's `add` as an aggregate calls it. */
export type UserAdd = (total: unknown, value: unknown, key: unknown, context: RecordContext) => unknown

/** A user's `merge` as an aggregate calls it. */
export type UserMerge = (a: unknown, b: unknown, key: unknown, context: RecordContext) => unknown

/** The boundary at which a plan's callback, typed by the DSL, becomes one that an operator can call. */
export function userCallback<R>(fn: (value: never, key: never, context: RecordContext) => R): UserCallback<R> {
  return fn as UserCallback<R>
}
