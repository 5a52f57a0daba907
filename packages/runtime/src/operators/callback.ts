import type { RecordContext } from '@millrace/core'

/** A user's function as an operator calls it; what the DSL's types promised of its parameters holds. */
export type UserCallback<R = unknown> = (value: unknown, key: unknown, context: RecordContext) => R

/** A user's `add` as an aggregate calls it. */
export type UserAdd = (total: unknown, value: unknown, key: unknown, context: RecordContext) => unknown

/** The boundary at which a plan's callback, typed by the DSL, becomes one that an operator can call. */
export function userCallback<R>(fn: (value: never, key: never, context: RecordContext) => R): UserCallback<R> {
  return fn as UserCallback<R>
}

const ONE_NAME = /^(?:async\s+)?[\p{ID_Start}$_][\p{ID_Continue}$]*\s*=>/u
const PARENTHESISED = /^(?:async\s+)?\(([^()=]*)\)\s*=>/u

/**
 * How many of its parameters a function can see at most. An arrow function without defaults and rest parameters sees
 * what it names and nothing else (it has no `arguments` of its own); any other function may see all. So that keys and
 * values which no callback can see are never decoded.
 */
export function parametersSeen(fn: (...parameters: never[]) => unknown): number {
  const text = Function.prototype.toString.call(fn)
  if (ONE_NAME.test(text)) return 1
  const list = PARENTHESISED.exec(text)?.[1]
  if (list === undefined || list.includes('...') || list.includes('/')) return Number.POSITIVE_INFINITY
  return fn.length
}
