import type { RecordContext } from '../plan/callback.ts'
import type { Stream } from './stream.ts'

/** Marks the branch of a `split` that takes what no other branch accepts. */
export const otherwise: unique symbol = Symbol.for('millrace.otherwise')

/** Which records a branch takes: those that the callback accepts, or the rest. */
export type Branch<K, V> = ((value: V, key: K, context: RecordContext) => boolean) | typeof otherwise

/** The streams of a `split`, by name; type guards narrow their branch. */
export type Branches<B, K, V> = {
  readonly [Name in keyof B]: B[Name] extends Guard<V, infer W> ? Stream<K, W> : Stream<K, V>
}

type Guard<V, W extends V> = (value: V, ...rest: never[]) => value is W
