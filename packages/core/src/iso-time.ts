import { dateOfDay, daysSince1970, MS_PER_DAY } from './calendar/civil-date.ts'

const ISO_DATE = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?(?:Z|([+-])(\d\d):?(\d\d))?$/

/**
 * ms since the epoch of an ISO date (UTC if it states no zone), without smaller parts. Undefined for other text, and for a
 * day or a time of day that does not exist. `24:00` is the end of its day.
 */
export function isoTime(text: string): number | undefined {
  const [found, year, month, day, ...clock] = ISO_DATE.exec(text) ?? []
  if (found === undefined) return undefined
  const [hour = '0', minute = '0', second = '0', fraction = '', sign = '+', zoneHour = '0', zoneMinute = '0'] = clock
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'))
  const date = [Number(year), Number(month), Number(day)] as const
  if (!isDay(...date)) return undefined
  const clockMs = ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000 + ms
  if (clockMs > MS_PER_DAY || Number(minute) > 59 || Number(second) > 59) return undefined
  const time = daysSince1970(...date) * MS_PER_DAY + clockMs
  if (Number(zoneHour) > 23 || Number(zoneMinute) > 59) return undefined
  const zoneMs = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60_000
  return sign === '-' ? time + zoneMs : time - zoneMs
}

/** The ISO date of a time, in UTC, such as `2026-01-31T08:00:00.000Z`. */
export function isoText(atMs: number): string {
  const { year, month, day } = dateOfDay(Math.floor(atMs / MS_PER_DAY))
  const ms = atMs - Math.floor(atMs / MS_PER_DAY) * MS_PER_DAY
  const date = [digits(year, 4), digits(month, 2), digits(day, 2)].join('-')
  const clock = [3_600_000, 60_000, 1000].map((unit, index) =>
    digits(Math.floor(ms / unit) % (index === 0 ? 24 : 60), 2),
  )
  return `${date}T${clock.join(':')}.${digits(ms % 1000, 3)}Z`
}

function digits(number: number, length: number): string {
  return `${number}`.padStart(length, '0')
}

function isDay(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)
}

/** Days in a month. */
function daysIn(year: number, month: number): number {
  return daysSince1970(month === 12 ? year + 1 : year, (month % 12) + 1, 1) - daysSince1970(year, month, 1)
}
