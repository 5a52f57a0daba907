import type { RecordContext } from '../plan/callback.ts'

/** Where a fold holds its parts. The symbol is registered, so that a fold of another copy of this package is recognised. */
const FOLD: unique symbol = Symbol.for('millrace.fold')

/**
 * A ready-made aggregate: how records with keys `K` and values `V` become a result `R`. Made by `count()`, `sum(…)`, `max(…)`
 * and their like, and passed to `aggregate`, alone or several at once.
 */
export interface Fold<K, V, R> {
  readonly [FOLD]: FoldParts<K, V, R>
}

/** A fold from which a record can be taken out again: the total is then what it would be without that record. */
export interface SubtractableFold<K, V, R> extends Fold<K, V, R> {
  readonly [FOLD]: FoldParts<K, V, R> & { readonly subtract: Step<K, V> }
}

/** Several folds of the same records, by the name that each has in the result `T`. */
export type Folds<K, V, T> = { readonly [Name in keyof T]: Fold<K, V, T[Name]> }

/** A record goes into a total, or out of it: the next total. */
export type Step<K, V> = (total: unknown, value: V, key: K, context: RecordContext) => unknown

/**
 * What a fold is made of. A total is plain data that only its own fold understands. No function changes a total that it gets,
 * and none keeps anything: so totals need no copies, and a record that fails leaves its total as it was.
 */
export interface FoldParts<K, V, R> {
  /** What it computes: `max`, `topK(3)`. On disk, as part of what a store means: whatever would misread a total is in it. */
  readonly word: string
  /** What is wrong with its parameters, in words. */
  readonly problems: readonly string[]
  /** The total of no records. */
  readonly init: () => unknown
  readonly add: Step<K, V>
  /** Undefined if a total does not know enough. */
  readonly subtract: Step<K, V> | undefined
  /** The total of the records of both. */
  readonly merge: (a: unknown, b: unknown) => unknown
  /** What is shown of a total; at least one record is in it. */
  readonly result: (total: unknown) => R
  /** What has to be stored beside the result, so that `restore` makes an equal total of both; undefined for nothing. */
  readonly rest: (total: unknown, result: unknown) => unknown
  readonly restore: (result: unknown, rest: unknown) => unknown
}

/** A fold as it is written, with the type `A` of its totals. */
export interface FoldDefinition<K, V, A, R> {
  readonly word: string
  readonly problems?: readonly string[]
  readonly init: () => A
  readonly add: (total: A, value: V, key: K, context: RecordContext) => A
  readonly merge: (a: A, b: A) => A
  readonly result: (total: A) => R
  /** Default: the total, if it is not the result itself. */
  readonly rest?: (total: A, result: R) => unknown
  /** Default: the rest, if there is one, else the result. */
  readonly restore?: (result: R, rest: unknown) => unknown
}

/** A fold whose totals cannot be taken apart again. */
export function fold<K, V, A, R>(definition: FoldDefinition<K, V, A, R>): Fold<K, V, R> {
  return Object.freeze({ [FOLD]: partsFrom(definition, undefined) })
}

/** A fold from whose totals records can be taken out. */
export function subtractable<K, V, A, R>(
  definition: FoldDefinition<K, V, A, R>,
  subtract: (total: A, value: V, key: K, context: RecordContext) => A,
): SubtractableFold<K, V, R> {
  return Object.freeze({ [FOLD]: partsFrom(definition, subtract as Step<K, V>) })
}

export function isFold(value: unknown): value is Fold<never, never, unknown> {
  return typeof value === 'object' && value !== null && FOLD in value
}

export function partsOf<K, V, R>(fold: Fold<K, V, R>): FoldParts<K, V, R> {
  return fold[FOLD]
}

/** The boundary at which totals lose their type: a fold only ever gets those that it made. */
function partsFrom<K, V, A, R, S extends Step<K, V> | undefined>(
  { problems = [], rest = restOf, restore = totalOf, ...parts }: FoldDefinition<K, V, A, R>,
  subtract: S,
): FoldParts<K, V, R> & { readonly subtract: S } {
  return Object.freeze({ ...parts, problems, rest, restore, subtract }) as unknown as FoldParts<K, V, R> & {
    readonly subtract: S
  }
}

function restOf(total: unknown, result: unknown): unknown {
  return total === result ? undefined : total
}

function totalOf(result: unknown, rest: unknown): unknown {
  return rest === undefined ? result : rest
}
