/** What a value is, for messages: short, and safe for any value. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'undefined'
    case 'number':
      return String(value)
    case 'bigint':
      return 'a BigInt'
    case 'object':
      return value === null ? 'null' : describeObject(value)
    default:
      return `a value of type ${typeof value}`
  }
}

function describeObject(value: object): string {
  if (value instanceof Promise) return 'a promise'
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return 'a value of type object'
  const name: unknown = value.constructor?.name
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'a value of type object'
}
