/**
 * Whether two values hold the same data. Plain data is compared as plain data (a field that is undefined counts as absent, -0
 * is 0), objects of classes by prototype, time and entries.
 */
export function sameData(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b || Object.is(a, b)
  if (a === b) return true
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  // What a date or a boxed number holds is not in a field.
  if (holdsPrimitive(a) && !Object.is(a.valueOf(), b.valueOf())) return false
  if ((a instanceof Map && b instanceof Map) || (a instanceof Set && b instanceof Set)) return sameData([...a], [...b])
  const [left, right] = [fieldsOf(a), fieldsOf(b)]
  return (
    left.size === right.size && [...left].every(([name, value]) => right.has(name) && sameData(value, right.get(name)))
  )
}

function holdsPrimitive(value: object): boolean {
  return typeof value.valueOf === 'function' && typeof value.valueOf() !== 'object'
}

function fieldsOf(value: object): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(value).filter(([, field]) => field !== undefined))
}
