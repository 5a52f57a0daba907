import type { Serde } from '@millrace/core'

/** The boundary at which a plan's serde, typed by the DSL, becomes one that takes what the operators pass. */
export function anySerde(serde: Serde<never>): Serde<unknown> {
  return serde as Serde<unknown>
}
