import type { Headers } from '../headers.ts'

/**
 * What a callback may know about the record that it is called for, besides value and key. One object is used for all calls of
 * a task: read it during the call, do not keep it.
 */
export interface RecordContext {
  /** Event time, ms since the epoch. */
  readonly timestamp: number
  /** Where the record that caused this call was read. */
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** That record's headers, decoded when they are read. */
  readonly headers: Headers
}

/**
 * A user's function as the plan holds it. Parameters are `never` so that a function of any types fits. The runtime calls it
 * with what the types of the DSL promised.
 */
export type Callback<R = unknown> = (value: never, key: never, context: RecordContext) => R

/** Adds a record to a total. The total is undefined if there is none yet and `init` is absent. */
export type Add = (total: never, value: never, key: never, context: RecordContext) => unknown

/** Makes one total of two: that of the earlier records comes first. */
export type Merge = (a: never, b: never, key: never, context: RecordContext) => unknown

/** Makes a joined value. What a side does not have is null. */
export type Joiner = (left: never, right: never, key: never, context: RecordContext) => unknown

/** Joins two values, and the key that both have; null leaves the row out. Absent values are null. */
export type JoinFn = (left: never, right: never, key: never) => unknown
