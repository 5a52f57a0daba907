/**
 * What a step does with the keys and values of its records. What no step reads is never decoded. A key that does not change
 * is copied as bytes.
 */
export interface StepFlow {
  /** Whether a record leaves with the key that it came with. */
  readonly keepsKey: boolean
  /** Whether a record leaves with the value that it came with. */
  readonly keepsValue: boolean
  /** Whether the step itself looks at keys, or may. */
  readonly readsKey: boolean
  readonly readsValue: boolean
}

/** Looks at everything, and changes everything: this is always right. */
export const READS_ALL: StepFlow = Object.freeze({
  keepsKey: false,
  keepsValue: false,
  readsKey: true,
  readsValue: true,
})

/** Passes records on as they are. */
export const PASSES_ALL: StepFlow = Object.freeze({
  keepsKey: true,
  keepsValue: true,
  readsKey: false,
  readsValue: false,
})

/** What a callback `(value, key, context)` can see. */
export function seenBy(fn: (...parameters: never[]) => unknown): Pick<StepFlow, 'readsKey' | 'readsValue'> {
  const seen = parametersSeen(fn)
  return { readsKey: seen >= 2, readsValue: seen >= 1 }
}

const ONE_NAME = /^(?:async\s+)?[\p{ID_Start}$_][\p{ID_Continue}$]*\s*=>/u
const PARENTHESISED = /^(?:async\s+)?\(([^()=]*)\)\s*=>/u

/**
 * How many of its parameters a function can see at most. An arrow function without defaults and rest parameters sees only
 * what it names (it does not have `arguments`). Any other function may see all.
 */
export function parametersSeen(fn: (...parameters: never[]) => unknown): number {
  const text = Function.prototype.toString.call(fn)
  if (ONE_NAME.test(text)) return 1
  const list = PARENTHESISED.exec(text)?.[1]
  if (list === undefined || list.includes('...') || list.includes('/')) return Number.POSITIVE_INFINITY
  return fn.length
}
