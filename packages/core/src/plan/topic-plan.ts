import type { Serde } from '../contracts/serde.ts'
import type { Callback } from './callback.ts'

/** A topic as a plan value. */
export interface TopicPlan {
  readonly name: string
  readonly key: Serde<never>
  readonly value: Serde<never>
  /** Event time from the value; absent: the time that the record carries. */
  readonly timestamp: ((value: never, key: never) => number) | undefined
  /** How far an event time may be ahead of the wall clock when the record is read, ms. */
  readonly aheadMaxMs: number
}

/** The topic's name comes from each record; the topics must exist. */
export interface DynamicTopic {
  readonly choose: Callback<string>
  readonly key: Serde<never>
  readonly value: Serde<never>
}
