import type { Window } from '../dsl/windowed.ts'
import type { CalendarWindows } from '../plan/window.ts'
import { WEEKDAYS } from './calendar-units.ts'
import { dateOfDay, daysSince1970, MS_PER_DAY } from './civil-date.ts'
import { ZoneClock } from './zone-clock.ts'

/** Windows whose bounds are remembered: those of 27 years of days. With many more, the search for one would take longer. */
const WINDOWS_KNOWN_MAX = 10_000

/** How many months a unit has that is one month or more. */
const MONTHS = { month: 1, quarter: 3, year: 12 } as const

/**
 * The windows of a calendar: one day, week, month, quarter or year of a time zone after the other. A window begins when the
 * clocks of the zone first show the midnight before its first day. If they are set forward over that midnight, it begins when
 * they are set. So windows neither overlap nor leave a gap, however clocks are set.
 */
export class Calendar {
  readonly #windows: CalendarWindows
  readonly #clock: ZoneClock
  /** Windows that were needed, by start. */
  #known: Window[] = []
  /** Consecutive records are mostly in one window. */
  #last: Window = { start: 0, end: 0 }

  /** Throws a `RangeError` if the zone is not known. */
  constructor(windows: CalendarWindows) {
    this.#windows = windows
    this.#clock = new ZoneClock(windows.timeZone)
  }

  /** The window that a time is in. */
  windowAt(time: number): Window {
    const last = this.#last
    if (last.start <= time && time < last.end) return last
    const at = this.#search(time)
    const known = this.#known[at - 1]
    if (known !== undefined && time < known.end) {
      this.#last = known
      return known
    }
    const window = this.#compute(time)
    if (this.#known.length >= WINDOWS_KNOWN_MAX) this.#known = []
    this.#known.splice(this.#search(time), 0, window)
    this.#last = window
    return window
  }

  /** How many known windows start at or before a time. */
  #search(time: number): number {
    let [from, to] = [0, this.#known.length]
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((this.#known[middle]?.start ?? 0) <= time) from = middle + 1
      else to = middle
    }
    return from
  }

  #compute(time: number): Window {
    const day = Math.floor(this.#clock.localTime(time) / MS_PER_DAY)
    let first = this.#firstDay(day)
    // Clocks that are set back over midnight show the day before again, which has ended.
    while (this.#startOf(this.#next(first)) <= time) first = this.#next(first)
    const start = this.#startOf(first)
    return Object.freeze({ start, end: this.#startOf(this.#next(first)) })
  }

  /** The first day of the unit that a day is in. Days are counted from 1970-01-01, a Thursday. */
  #firstDay(day: number): number {
    const { unit, weekStartsOn } = this.#windows
    if (unit === 'day') return day
    if (unit === 'week') return day - modulo(day + THURSDAY - WEEKDAYS.indexOf(weekStartsOn), 7)
    const { year, month } = dateOfDay(day)
    return daysSince1970(year, month - modulo(month - 1, MONTHS[unit]), 1)
  }

  #next(firstDay: number): number {
    const { unit } = this.#windows
    if (unit === 'day') return firstDay + 1
    if (unit === 'week') return firstDay + 7
    const { year, month } = dateOfDay(firstDay)
    return daysSince1970(year, month + MONTHS[unit], 1)
  }

  #startOf(day: number): number {
    return this.#clock.firstTime(day * MS_PER_DAY)
  }
}

const THURSDAY = WEEKDAYS.indexOf('thursday')

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor
}
