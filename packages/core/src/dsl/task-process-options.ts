import type { Serde } from '../contracts/serde.ts'
import type { RecordContext } from '../plan/callback.ts'
import type { CallContext, Emitted } from './process-options.ts'

/** Emits records with any key. */
export interface TaskEmitter<K, V> {
  /** As `Emitter.emit`, with a key. */
  emit(key: K, value: Emitted<V>, timestamp?: number): void
}

/** What the callbacks of `processTask` can do. */
export interface TaskProcessContext<S, O, T extends string, K, R> extends CallContext<S, T>, TaskEmitter<K, R> {
  readonly outputs: { readonly [N in keyof O]: O[N] extends Serde<infer V> ? TaskEmitter<K, V> : never }
}

/** The context of a record. */
export interface TaskRecordContext<S, O, T extends string, K, R>
  extends TaskProcessContext<S, O, T, K, R>,
    RecordContext {
  readonly timestamp: number
}

/** The context of a timer. */
export interface TaskTimerContext<S, O, T extends string, K, R> extends TaskProcessContext<S, O, T, K, R> {
  /** As in `ProcessTimerContext`. */
  readonly wallTime: number | undefined
}

/** As `ProcessOptions`, with state and timers for each task instead of each key. `K2`: the keys that it emits. */
export interface TaskProcessOptions<K, V, S, O, T extends string, K2, R> {
  /** How the keys of what it emits are written. Default: as those of its records. */
  readonly key?: Serde<K2>
  readonly value?: Serde<R>
  readonly state?: S
  readonly outputs?: O
  readonly onRecord: (value: V, key: K, context: TaskRecordContext<S, O, T, K2, R>) => void
  readonly onTombstone?: (key: K, context: TaskRecordContext<S, O, T, K2, R>) => void
  readonly timers?: { readonly [N in T]: (context: TaskTimerContext<S, O, T, K2, R>) => void }
}
