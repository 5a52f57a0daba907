import type { Serde } from '../contracts/serde.ts'

/** How the values of a store are read by its views. */
export function shownSerde({
  value,
  shown,
}: {
  readonly value: Serde<never>
  readonly shown?: Serde<never>
}): Serde<never> {
  return shown ?? value
}
