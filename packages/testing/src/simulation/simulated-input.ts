import type { NewRecord, Serde, Topic } from '@millrace/core'

/** A topic of any types, as `topic(…)` makes it. */
export interface AnyTopic {
  readonly name: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

/** The records that a simulation sends to a topic. Those of one partition stay in their order. */
export interface SimulatedInput<T extends AnyTopic = AnyTopic> {
  readonly topic: T
  readonly records: readonly RecordOf<T>[]
}

/** A record as a topic takes it. */
type RecordOf<T> = T extends Topic<infer K, infer V> ? NewRecord<K, V> : never

/** Inputs of several topics, each with the records of its types. */
export type SimulatedInputs<Topics extends readonly AnyTopic[]> = {
  readonly [Index in keyof Topics]: SimulatedInput<Topics[Index]>
}
