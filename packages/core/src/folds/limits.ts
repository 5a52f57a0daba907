/** The problem of a bound that is not one; none if it is. */
export function boundProblems(what: string, bound: unknown): string[] {
  if (typeof bound === 'number' && Number.isSafeInteger(bound) && bound >= 1) return []
  return [`${what} must be a whole number, at least 1, not ${bound}`]
}
