import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { CalendarWindows } from '../plan/window.ts'
import { Calendar } from './calendar.ts'
import { CALENDAR_UNITS, type CalendarUnit, WEEKDAYS } from './calendar-units.ts'
import { dateOfDay, daysSince1970 } from './civil-date.ts'

const HOUR = 3_600_000
const QUARTER_HOUR = 900_000

function windows(unit: CalendarUnit, timeZone: string, weekStartsOn: CalendarWindows['weekStartsOn'] = 'monday') {
  return { kind: 'calendar', unit, timeZone, weekStartsOn, graceMs: 0, retentionMs: undefined } as const
}

/** Zones whose clocks are set in ordinary and in unusual ways, each with a year in which it happens. */
const ZONES: readonly (readonly [zone: string, year: number])[] = [
  ['UTC', 2024],
  ['Europe/Zurich', 2024],
  ['America/New_York', 2025],
  ['Asia/Kathmandu', 1986], // Was 5:30 ahead before, and is 5:45 ahead since.
  ['Australia/Lord_Howe', 2024], // By half an hour.
  ['America/Sao_Paulo', 2017], // At midnight, forwards and backwards.
  ['America/Havana', 2024], // The first hour of a day is skipped, or comes twice.
  ['Africa/Cairo', 2024], // The last day of the week begins at 1:00.
  ['America/St_Johns', 2006], // One minute after midnight: the day before is shown again.
  ['Pacific/Apia', 2011], // 30 December does not exist.
  ['Pacific/Kwajalein', 1993], // 21 August does not exist.
]

/** What the clocks show, as text that sorts by time: an independent way to ask Intl. */
function shown(format: Intl.DateTimeFormat, time: number): string {
  return format.format(time)
}

function isoFormat(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' })
}

/** The first times at which the clocks of a zone show each midnight of a year, or later, found by looking every 15 minutes. */
function daysByLooking(timeZone: string, year: number): number[] {
  const format = isoFormat(timeZone)
  const starts: number[] = []
  const last = Date.UTC(year + 1, 0, 3)
  let midnight = new Date(Date.UTC(year, 0, 1))
  const text = () => `${midnight.toISOString().slice(0, 10)} 00:00:00`
  let before = ''
  for (let time = Date.UTC(year - 1, 11, 31); time < last; time += QUARTER_HOUR) {
    const now = shown(format, time)
    while (before < text() && now >= text()) {
      starts.push(exactly(format, time - QUARTER_HOUR, time, text()))
      midnight = new Date(midnight.getTime() + 24 * HOUR)
    }
    before = now > before ? now : before
  }
  return starts
}

/** The first time after `from` and up to `to` at which the clocks show a time or later, to the second. */
function exactly(format: Intl.DateTimeFormat, from: number, to: number, text: string): number {
  if (shown(format, to - 1000) < text) return to
  for (let time = from + 1000; time < to; time += 1000) if (shown(format, time) >= text) return time
  return to
}

test.each(ZONES)('days of %s in %i are those that its clocks show', (zone, year) => {
  const starts = [...new Set(daysByLooking(zone, year))]
  const calendar = new Calendar(windows('day', zone))
  for (const [index, end] of starts.slice(1).entries()) {
    const start = starts[index] ?? 0
    for (const time of [start, Math.floor((start + end) / 2), end - 1]) {
      expect(calendar.windowAt(time)).toEqual({ start, end })
    }
  }
  expect(starts.length).toBeGreaterThan(360)
})

describe('windows of the calendar', () => {
  const at = (text: string) => new Date(text).getTime()
  const lengths: readonly (readonly [CalendarUnit, string, string, string, string])[] = [
    ['day', 'Europe/Zurich', '2024-03-31T12:00Z', '2024-03-30T23:00Z', '2024-03-31T22:00Z'],
    ['day', 'Europe/Zurich', '2024-10-27T12:00Z', '2024-10-26T22:00Z', '2024-10-27T23:00Z'],
    ['day', 'America/Sao_Paulo', '2017-10-15T12:00Z', '2017-10-15T03:00Z', '2017-10-16T02:00Z'],
    ['day', 'Pacific/Apia', '2011-12-29T12:00Z', '2011-12-29T10:00Z', '2011-12-30T10:00Z'],
    ['day', 'Pacific/Apia', '2011-12-30T10:00Z', '2011-12-30T10:00Z', '2011-12-31T10:00Z'],
    ['week', 'Europe/Zurich', '2024-03-31T12:00Z', '2024-03-24T23:00Z', '2024-03-31T22:00Z'],
    ['month', 'Europe/Zurich', '2024-02-29T12:00Z', '2024-01-31T23:00Z', '2024-02-29T23:00Z'],
    ['quarter', 'America/New_York', '2024-01-01T04:59Z', '2023-10-01T04:00Z', '2024-01-01T05:00Z'],
    ['year', 'Asia/Tokyo', '2023-12-31T15:00Z', '2023-12-31T15:00Z', '2024-12-31T15:00Z'],
  ]

  test.each(lengths)('the %s of %s at %s is from %s to %s', (unit, zone, time, start, end) => {
    expect(new Calendar(windows(unit, zone)).windowAt(at(time))).toEqual({ start: at(start), end: at(end) })
  })

  test('a week begins on the day that is chosen', () => {
    for (const [index, weekday] of WEEKDAYS.entries()) {
      const { start, end } = new Calendar(windows('week', 'UTC', weekday)).windowAt(at('2024-05-15T12:00Z'))
      expect(new Date(start).getUTCDay()).toBe((index + 1) % 7)
      expect(end - start).toBe(7 * 24 * HOUR)
    }
  })

  test('follow one another without a gap, and are the same in whatever order times come', () => {
    const zones = fc.constantFrom(...ZONES.map(([zone]) => zone))
    const times = fc.array(fc.integer({ min: 0, max: Date.UTC(2060, 0, 1) }), { minLength: 1, maxLength: 20 })
    const property = fc.property(zones, fc.constantFrom(...CALENDAR_UNITS), times, (zone, unit, all) => {
      const calendar = new Calendar(windows(unit, zone))
      for (const time of all) {
        const window = calendar.windowAt(time)
        expect(window.start <= time && time < window.end).toBe(true)
        expect(calendar.windowAt(window.end).start).toBe(window.end)
        expect(calendar.windowAt(window.start - 1).end).toBe(window.start)
        expect(new Calendar(windows(unit, zone)).windowAt(time)).toEqual(window)
      }
    })
    fc.assert(property, { numRuns: 60 })
  })

  test('weeks and months are whole days', () => {
    const zones = fc.constantFrom(...ZONES.map(([zone]) => zone))
    fc.assert(
      fc.property(zones, fc.constantFrom(...CALENDAR_UNITS), fc.integer({ min: 0, max: 2e12 }), (zone, unit, time) => {
        const { start, end } = new Calendar(windows(unit, zone)).windowAt(time)
        const days = new Calendar(windows('day', zone))
        expect([days.windowAt(start).start, days.windowAt(end).start]).toEqual([start, end])
      }),
      { numRuns: 60 },
    )
  })

  test('are looked up once each, and not for each record', () => {
    const calendar = new Calendar(windows('day', 'Europe/Zurich'))
    const first = Date.UTC(2024, 0, 1)
    const days = Array.from({ length: 365 }, (_, day) => first + day * 24 * HOUR)
    for (const time of days) calendar.windowAt(time)
    const calls = vi.spyOn(Intl.DateTimeFormat.prototype, 'formatToParts')
    for (let hour = 0; hour < 23; hour++) for (const time of days) calendar.windowAt(time + hour * HOUR)
    expect(calls.mock.calls.length).toBeLessThan(10)
    calls.mockRestore()
  })

  test('stay right when more are needed than are remembered', () => {
    const calendar = new Calendar(windows('day', 'UTC'))
    for (let day = 0; day < 10_200; day++) {
      const start = ((day * 7919) % 10_200) * 24 * HOUR
      expect(calendar.windowAt(start + 5)).toEqual({ start, end: start + 24 * HOUR })
    }
  })
})

test('dates are those of the Gregorian calendar', () => {
  fc.assert(
    fc.property(fc.integer({ min: -800_000, max: 20_000_000 }), (number) => {
      const date = new Date(number * 24 * HOUR)
      const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
      expect(dateOfDay(number)).toEqual({ year, month, day })
      expect(daysSince1970(year, month, day)).toBe(number)
      expect(daysSince1970(year - 1, month + 12, day)).toBe(number)
    }),
  )
})
