import { UNIT_MS } from '../dsl/duration.ts'

/** A duration as a job would write it, in the largest unit that it is a whole number of. */
export function durationText(ms: number): string {
  for (const [unit, length] of Object.entries(UNIT_MS).reverse()) {
    if (ms !== 0 && ms % length === 0) return `${ms / length}${unit}`
  }
  return `${ms}ms`
}
