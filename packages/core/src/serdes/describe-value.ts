/** What a value is, for messages: short, and safe for any value. */
export function describeValue(value: unknown): string {
  if (value === null) return 'null'
  return typeof value === 'number' ? String(value) : `a value of type ${typeof value}`
}
