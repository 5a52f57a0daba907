/** The unit of a number that is an event time since 1970: seconds, milliseconds, microseconds or nanoseconds. */
export type TimeUnit = 's' | 'ms' | 'us' | 'ns'

export const TIME_UNITS: readonly TimeUnit[] = ['s', 'ms', 'us', 'ns']

export const UNIT_NAMES: Readonly<Record<TimeUnit, string>> = {
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
}

/** 9999-12-31T23:59:59.999Z: a later time has no ISO date of four digits, and comes from a wrong unit. */
export const EVENT_TIME_MS_MAX = 253_402_300_799_999

/** The last millisecond that a `Date` can be. Its negative is the first. */
const DATE_MS_MAX = 8.64e15

/**
 * The smallest number that is large enough to be seconds: 10⁸ s is 1973-03-03. Each unit's range begins at that date and
 * ends at 10¹¹ s, which is the year 5138. The range of the next unit begins there: 10¹¹ ms is 1973-03-03 again.
 */
const SECONDS_MIN = 1e8
const UNIT_RATIO = 1000

/** Numbers in this range are read as years. */
const YEAR_MIN = 1800
const YEAR_MAX = 2199

/** What a number looks like: a time in one of the units, a year, a date in digits (20010131), or a small number. */
export type NumberLooks = TimeUnit | 'year' | 'date' | 'small'

/** Classifies a number without a stated unit. Every number has one class, and its sign does not matter. */
export function looksLike(value: number): NumberLooks {
  const size = Math.abs(value)
  if (size >= SECONDS_MIN) {
    if (size < SECONDS_MIN * UNIT_RATIO) return 's'
    if (size < SECONDS_MIN * UNIT_RATIO ** 2) return 'ms'
    return size < SECONDS_MIN * UNIT_RATIO ** 3 ? 'us' : 'ns'
  }
  if (!Number.isInteger(value) || value < 0) return 'small'
  if (value >= YEAR_MIN && value <= YEAR_MAX) return 'year'
  return isDateInDigits(value) ? 'date' : 'small'
}

/** The names in messages for what a number looks like, other than milliseconds. */
export const LOOKS: Readonly<Record<Exclude<NumberLooks, 'ms' | 'small'>, string>> = {
  s: 'seconds since 1970',
  us: 'microseconds since 1970',
  ns: 'nanoseconds since 1970',
  year: 'a year',
  date: 'a date in digits',
}

/** Powers of ten of the units in milliseconds. */
const MS_EXPONENT: Readonly<Record<TimeUnit, number>> = { s: 3, ms: 0, us: -3, ns: -6 }

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/**
 * Converts a decimal number to whole milliseconds since 1970, rounded down. The digits of the number count, not its value as
 * a double. A result further from 1970 than a `Date` can be is not exact.
 */
export function toMilliseconds(value: number | string, unit: TimeUnit): number {
  if (unit === 'ms' && Number.isSafeInteger(value)) return Number(value)
  const rough = Number(value) * 10 ** MS_EXPONENT[unit]
  if (Math.abs(rough) > DATE_MS_MAX) return rough
  const [, sign, whole = '0', fraction = '', exponent = '0'] = DECIMAL.exec(String(value)) ?? []
  const shift = Number(exponent) - fraction.length + MS_EXPONENT[unit]
  const digits = whole + fraction
  // A number without digits before its last place is less than one millisecond.
  const cut = shift < 0 ? digits.slice(0, Math.max(0, digits.length + shift)) : digits + '0'.repeat(shift)
  const rest = shift < 0 ? digits.slice(Math.max(0, digits.length + shift)) : ''
  const ms = Number(cut)
  if (sign !== '-') return ms
  return /[1-9]/.test(rest) ? -ms - 1 : 0 - ms
}

/** A time as an ISO date, or as ms since 1970 if it has no ISO date. */
export function isoText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? `${ms} ms since 1970` : date.toISOString()
}

function isDateInDigits(value: number): boolean {
  const year = Math.floor(value / 10_000)
  const month = Math.floor(value / 100) % 100
  const day = value % 100
  return year >= YEAR_MIN && year <= YEAR_MAX && month >= 1 && month <= 12 && day >= 1 && day <= 31
}
