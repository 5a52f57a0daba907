/** A number that JavaScript may round: it has more digits than a double always keeps, or an exponent of three digits. */
const MAY_BE_ROUNDED = /[\d.]{16}|[eE][+-]?\d{3}/

const INTEGER = /^-?\d+$/
const NUMBER = /^-?(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/**
 * Whether JavaScript holds a JSON number exactly: the number that it prints is equal, perhaps in other digits. Integers
 * beyond 2^53 - 1 count as rounded even if they are not: 9007199254740992 could have been 9007199254740993.
 */
export function isExactNumber(text: string): boolean {
  const value = Number(text)
  if (Number.isSafeInteger(value) && String(value) === text) return true
  if (!Number.isFinite(value) || (INTEGER.test(text) && !Number.isSafeInteger(value))) return false
  return decimalOf(text) === decimalOf(String(value).replace('e+', 'e'))
}

/**
 * The first number in a JSON text that JavaScript rounds, with its name in that text; undefined if JavaScript holds all of
 * them.
 */
export function roundedNumber(json: string): string | undefined {
  if (!MAY_BE_ROUNDED.test(json)) return undefined
  let found: string | undefined
  JSON.parse(json, function (this: unknown, name: string, value: unknown, context?: { readonly source?: string }) {
    const source = context?.source
    if (found === undefined && typeof value === 'number' && source !== undefined && !isExactNumber(source)) {
      found = Array.isArray(this) || name === '' ? source : `${name} is ${source}`
    }
    return value
  })
  return found
}

/** Digits and exponent, without what does not change the value: `1.50` and `15e-1` are equal. */
function decimalOf(text: string): string {
  const [, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? []
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  const short = digits.replace(/0+$/, '')
  if (short === '') return '0'
  const sign = text.startsWith('-') ? '-' : ''
  return `${sign}${short}e${Number(exponent) - fraction.length + digits.length - short.length}`
}

/** Whether a text is a number of JSON. */
export function isJsonNumber(text: string): boolean {
  return NUMBER.test(text)
}

/** A number as JSON that every reader reads alike: itself, or its digits as a string if JavaScript would round it. */
export function exactNumberJson(text: string): string {
  return isExactNumber(text) ? text : `"${text}"`
}
