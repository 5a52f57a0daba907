/**
 * `S` if the type `K` of keys does not include null. Else a type that no stream has, and that has no steps. Steps that work
 * by key require it, or return it. The compiler shows the name of its only field.
 */
export type Keyed<K, S> = unknown extends K ? S : null extends K ? KeyNeeded : S

export interface KeyNeeded {
  readonly 'These records may have no key. Choose one with groupBy or keyBy first': never
}
