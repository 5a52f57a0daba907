/** What a number that is an event time counts since 1970: seconds, milliseconds, microseconds or nanoseconds. */
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

/**
 * From here on a number is large enough to be seconds: 10⁸ s is 1973-03-03. Each unit's range begins at that date and ends at
 * 10¹¹ s, which is the year 5138, where the range of the next unit begins: 10¹¹ ms is 1973-03-03 again.
 */
const SECONDS_MIN = 1e8
const UNIT_RATIO = 1000

/** Numbers in this range are taken for years. */
const YEAR_MIN = 1800
const YEAR_MAX = 2199

/** What a number looks like: a time in one of the units, a year, a date in digits (20010131), or a small number. */
export type NumberLooks = TimeUnit | 'year' | 'date' | 'small'

/** What a number without a stated unit looks like. Every number has one answer, and its sign does not matter. */
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

/** What messages call that which a number looks like instead of milliseconds. */
export const LOOKS: Readonly<Record<Exclude<NumberLooks, 'ms' | 'small'>, string>> = {
  s: 'seconds since 1970',
  us: 'microseconds since 1970',
  ns: 'nanoseconds since 1970',
  year: 'a year',
  date: 'a date in digits',
}

/** Milliseconds since 1970, rounded down; fractions of seconds are rounded, since 0.001 has no exact binary fraction. */
export function toMilliseconds(value: number, unit: TimeUnit): number {
  if (unit === 's') return Math.round(value * 1000)
  if (unit === 'ms') return Math.floor(value)
  const perMs = unit === 'us' ? 1e3 : 1e6
  if (Number.isSafeInteger(value)) return (value - (((value % perMs) + perMs) % perMs)) / perMs
  // Nanoseconds of today are too large to be exact: a whole millisecond may come as a little less.
  const ms = value / perMs
  return Math.floor(ms + Math.abs(ms) * Number.EPSILON)
}

/** A time as an ISO date, also one that has none. */
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
