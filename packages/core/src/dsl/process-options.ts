import type { Serde } from '../contracts/serde.ts'
import type { RecordContext } from '../plan/callback.ts'
import type { Duration } from './duration.ts'
import type { StateHandle } from './state-cells.ts'

/** The side outputs of a step, by name: how their values are written. Keys are those of the step. */
export type SideOutputs = Readonly<Record<string, Serde<unknown>>>

/** When a timer fires. */
export interface TimerTime {
  /** Whether it fires when event time, or when the wall clock, has come to `at`. */
  readonly clock: 'event' | 'wall'
  /** Ms since the epoch. */
  readonly at: number
}

/**
 * The timer of one name and of the key that a call is for. There is at most one: to set it again moves it, also from one
 * clock to the other. Times are whole ms since the epoch, not before it; others throw `CALLBACK_FAILED`.
 */
export interface KeyTimer {
  /** Fires when event time reaches a time; at once, behind this call, if it has reached it already. */
  at(time: number): void
  /** As `at`: this long after the event time of this call. */
  after(delay: Duration): void
  /** Fires when the wall clock reaches a time. What a wall timer does may differ when the job computes it again. */
  wallAt(time: number): void
  /** As `wallAt`: this long from now, as the task last read the clock. */
  wallAfter(delay: Duration): void
  cancel(): void
  /** When the timer fires; undefined if it is not set. */
  readonly armed: TimerTime | undefined
}

/** Emits records with the key that a call is for. */
export interface Emitter<V> {
  /**
   * Passes on a record, once the call has returned; null is a deletion. `timestamp`: its event time, default that of the
   * call. The steps behind may take a time before that for late.
   */
  emit(value: Emitted<V>, timestamp?: number): void
}

/** The values that may be emitted. */
export type Emitted<V> = [V] extends [never] ? ValueSerdeNeeded : V | null

export interface ValueSerdeNeeded {
  readonly 'Give the step the option value, a serde of what it emits, such as json<…>()': never
}

/**
 * What the callbacks of a step see and change, besides what they emit. One object is used for all calls: it and all that it
 * has work during the call only.
 */
export interface CallContext<S, T extends string> {
  /** Event time, ms: that of the record, or the time for which the timer was set. */
  readonly timestamp: number
  /** The watermark of the record's own source partition, or that of this step if it is ahead; at a timer, its time. */
  readonly watermark: number
  /** Whether the watermark has passed `timestamp`: the record is out of order, or the timer was set for a time that was over. */
  readonly isLate: boolean
  readonly state: { readonly [C in keyof S]: StateHandle<S[C]> }
  readonly timers: { readonly [N in T]: KeyTimer }
}

/** What the callbacks of `process` can do. */
export interface ProcessContext<S, O, T extends string, R> extends CallContext<S, T>, Emitter<R> {
  readonly outputs: { readonly [N in keyof O]: O[N] extends Serde<infer V> ? Emitter<V> : never }
}

/** The context of a record. */
export interface ProcessRecordContext<S, O, T extends string, R> extends ProcessContext<S, O, T, R>, RecordContext {
  readonly timestamp: number
}

/** The context of a timer. */
export interface ProcessTimerContext<S, O, T extends string, R> extends ProcessContext<S, O, T, R> {
  /** The wall clock, ms since the epoch, at a timer that was set by it; undefined at others. */
  readonly wallTime: number | undefined
}

/** A step of your own: what it keeps for each key, and what it does with records and at times. Callbacks are synchronous. */
export interface ProcessOptions<K, V, S, O, T extends string, R> {
  /** How what `emit` passes on is written. Without it, only side outputs emit. */
  readonly value?: Serde<R>
  /** What is kept for each key. */
  readonly state?: S
  /** Further streams that the step emits to. */
  readonly outputs?: O
  /** Called for each record. */
  readonly onRecord: (value: V, key: K, context: ProcessRecordContext<S, O, T, R>) => void
  /** Called for each record without a value. Default: such records end here. */
  readonly onTombstone?: (key: K, context: ProcessRecordContext<S, O, T, R>) => void
  /** What the timer of each name does when it fires. It is not set any more then. */
  readonly timers?: { readonly [N in T]: (key: K, context: ProcessTimerContext<S, O, T, R>) => void }
}
