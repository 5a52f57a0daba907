import { isoTime, textMs } from '@millrace/core/internal'
import { InvalidArgumentError } from 'commander'
import { LOOKS, looksLike } from './event-time/time-unit.ts'

/** Parsers of option values. Each throws commander's error, which names the option. */

export function wholeNumber(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value
  throw new InvalidArgumentError('Give a whole number.')
}

export function positiveNumber(text: string): number {
  const value = wholeNumber(text)
  if (value > 0) return value
  throw new InvalidArgumentError('Give a whole number above 0.')
}

export function portNumber(text: string): number {
  const value = wholeNumber(text)
  if (value <= 65_535) return value
  throw new InvalidArgumentError('Give a port from 0 to 65535. 0 is any free port.')
}

/** An address of HTTP, which may be written without its scheme: `localhost:4711`. */
export function httpUrl(text: string): string {
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`)
  if (url !== null && /^https?:$/.test(url.protocol)) return url.href.replace(/\/+$/, '')
  throw new InvalidArgumentError('Give an address such as http://127.0.0.1:4711.')
}

/** ms since the epoch, from a number of ms or from an ISO date; a date without a zone is UTC. */
export function timeMs(text: string): number {
  if (/^-?\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
  const time = isoTime(text)
  if (time !== undefined) return time
  throw new InvalidArgumentError('Give ms since the epoch, or a date such as 2001-01-31T08:00.')
}

/** As `timeMs`, for the event time of records. A number that looks like something other than ms is refused. */
export function eventTimeMs(text: string): number {
  const time = timeMs(text)
  const looks = /^-?\d+$/.test(text) ? looksLike(time) : 'ms'
  if (looks === 'ms' || looks === 'small') return time
  throw new InvalidArgumentError(
    `It looks like ${LOOKS[looks]}, not milliseconds. Give a date such as 2001-01-31T08:00.`,
  )
}

/** ms, from text such as `500ms`, `10s`, `7d`. A number without a unit is refused: `7` does not mean 7 ms. */
export function durationMs(text: string): number {
  const value = textMs(text)
  if (Number.isSafeInteger(value)) return value
  if (/^\d+$/.test(text)) {
    throw new InvalidArgumentError(`State the unit: ${text}ms, ${text}s, ${text}m (minutes), ${text}h or ${text}d.`)
  }
  throw new InvalidArgumentError('Give a time such as 500ms, 10s, 5m, 1h or 7d.')
}

/** As `durationMs`, but more than 0. */
export function positiveDurationMs(text: string): number {
  const value = durationMs(text)
  if (value > 0) return value
  throw new InvalidArgumentError('Give a time above 0.')
}

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

/** Bytes, from text such as `1000`, `64k`, `256m`, `2g` (powers of 1024). */
export function sizeBytes(text: string): number {
  const [, amount, unit = ''] = /^(\d+)([kmg]?)$/.exec(text.toLowerCase()) ?? []
  const value = Number(amount) * (SIZE_UNITS[unit] ?? Number.NaN)
  if (Number.isSafeInteger(value)) return value
  throw new InvalidArgumentError('Give a size such as 1000, 64k, 256m or 2g.')
}
