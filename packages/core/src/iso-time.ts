const MS_PER_DAY = 24 * 60 * 60 * 1000
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

function isDay(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)
}

/** Days in a month. */
function daysIn(year: number, month: number): number {
  return daysSince1970(month === 12 ? year + 1 : year, (month % 12) + 1, 1) - daysSince1970(year, month, 1)
}

/** Counted in years that begin in March, so that a leap day is the last one (Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
function daysSince1970(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400)
  // The first of March of year 0 is so many days before 1970.
  return marchYear * 365 + leapDays + dayOfYear - 719_468
}
