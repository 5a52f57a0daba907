const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

/** A duration as a job would write it, in the largest unit that it is a whole number of. */
export function durationText(ms: number): string {
  for (const [unit, length] of UNITS) if (ms !== 0 && ms % length === 0) return `${ms / length}${unit}`
  return `${ms}ms`
}
