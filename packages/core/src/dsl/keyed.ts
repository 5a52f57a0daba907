/**
 * `S` if the type `K` of keys is without null, and else something that no stream is, and that has no steps: steps that work by
 * key ask for it, or give it. The name of its only field is what the compiler shows.
 */
export type Keyed<K, S> = unknown extends K ? S : null extends K ? KeyNeeded : S

export interface KeyNeeded {
  readonly 'these records may have no key: choose one with groupBy or keyBy first': never
}
