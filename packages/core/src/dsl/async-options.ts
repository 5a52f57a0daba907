import type { Serde } from '../contracts/serde.ts'
import type { Duration } from './duration.ts'

/** What a callback that calls the outside world knows about its call, besides value and key. */
export interface AsyncContext {
  /** The record's event time, ms since the epoch. */
  readonly timestamp: number
  /** 1 for the first try, 2 for the second one, and so on. It begins with 1 again after a restart. */
  readonly attempt: number
  /** Aborted when the try has timed out, and when the task is closed. Pass it on to what takes one, such as `fetch`. */
  readonly signal: AbortSignal
  /**
   * Identifies the record in this step: the same at each try, after a crash, and when the job computes everything again from the
   * same topics; different for every other record. A callee that drops what it has seen acts once for each record.
   */
  readonly idempotencyKey: string
}

/** When a call that failed is tried again. */
export interface RetryOptions {
  /** How many more tries there are after the first one. */
  readonly times: number
  /**
   * How long the step waits after the first try that failed. It waits twice as long after each further one, and each time between
   * half of that and all of it, at random. Default `'1s'`.
   */
  readonly backoff?: Duration
  /** The longest that it waits. Default `'1m'`, or `backoff` if that is longer. */
  readonly backoffMax?: Duration
  /** How long after the first try another one may still begin. Default: without a limit. */
  readonly budget?: Duration
}

/** How many tries may begin. */
export interface RateOptions {
  /** So many, from 1 to 100,000, … */
  readonly calls: number
  /** … in each span of this length, wherever it starts. */
  readonly per: Duration
}

/** How a step calls the outside world. */
export interface CallOptions {
  /**
   * How many calls of a task are under way at most, from 1 to 1024. Four times as many records may wait in the step; then its task
   * takes no more. Default 16.
   */
  readonly concurrency?: number
  /**
   * `input`: results leave the step in the order in which their records came. `any`: as soon as they are there, so that one slow
   * call delays no other; then the order within a key is lost too. Default `'input'`.
   */
  readonly order?: 'input' | 'any'
  /** How long one try may take, from 1 ms on. Default `'30s'`. */
  readonly timeout?: Duration
  /** How many tries of a task may begin; the job's other tasks have as many. Default: no limit. */
  readonly rate?: RateOptions
  /** Default: a call is tried once. */
  readonly retry?: RetryOptions
}

/** How `mapAsync` and `flatMapAsync` call, and how their results are written. */
export interface MapAsyncOptions<R> extends CallOptions {
  /** The serde of the results. Default `json()`. */
  readonly value?: Serde<R>
}

/** How `effect` calls. Calls of equal keys are made one after the other. */
export interface EffectOptions extends Pick<CallOptions, 'concurrency' | 'timeout' | 'rate'> {
  /** Default: 10 more tries, after 1 s, 2 s, 4 s and so on up to a minute. */
  readonly retry?: RetryOptions
}

/** What `joinRemote` looks up for each record, and how it joins the two. */
export interface JoinRemoteOptions<K, V, Id extends string | number, W, R> extends MapAsyncOptions<R> {
  /** What a record is looked up by. */
  readonly by: (value: V, key: K) => Id
  /** Finds what there is for an id; null if there is nothing. */
  readonly lookup: (id: Id, context: AsyncContext) => Promise<W | null>
  /** Makes the joined value; `found` is null if there is nothing. It must leave `found` as it is: other records get the same. */
  readonly join: (value: V, found: W | null, key: K) => R
  /** How long the answers are remembered, also that there is nothing. */
  readonly cache?: {
    /** How many answers each task remembers at most, from 1 to 1,000,000. Default 1000. */
    readonly size?: number
    /** For how long it uses an answer. Default `'1m'`. */
    readonly ttl?: Duration
  }
}
