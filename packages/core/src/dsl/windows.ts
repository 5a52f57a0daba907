import type { CalendarUnit, Weekday } from '../calendar/calendar-units.ts'
import type { CalendarWindows, FixedWindows, SessionWindows, SlidingWindows } from '../plan/window.ts'
import { type Duration, durationMs } from './duration.ts'

/** Whose time puts records into windows: see `WindowOptions.clock`. */
export type WindowClock = 'event' | 'wall'

/** How long windows take records, and how long they are kept. */
export interface WindowOptions {
  /**
   * `event`: the times of the records. `wall`: the time of the machine's clock at which the step takes a record. Windows then
   * close by the clock, no record is late, and `grace` must be left out. Default `event`.
   */
  readonly clock?: WindowClock
  /** How long after its end, by event time, a window still takes records. Default 0. */
  readonly grace?: Duration
  /** How long after its end a window is kept for queries; at least the grace. Default: for ever. */
  readonly retention?: Duration
}

/** How far apart hopping windows start, and how long they take records. */
export interface HoppingOptions extends WindowOptions {
  /** How far apart windows start; at most their size. */
  readonly advance: Duration
  /**
   * Folds each record once, into the pane of one advance that it is in, and merges the panes of a window when it closes; so views have
   * the windows that have closed. For records that are in many windows. Needs `emit: 'final'`, a size that is a multiple of the
   * advance, and totals that can be merged: `count`, ready-made folds, or a `merge` beside `init` and `add`. Default: each record
   * changes the total of each of its windows.
   */
  readonly panes?: boolean
}

/** How event time is cut into windows. */
export type Windows = FixedWindows | SlidingWindows | CalendarWindows

/**
 * Windows of one size, one after the other; every record is in one of them. They are aligned to the epoch, in UTC. A size,
 * grace or retention that is not a duration makes `job` throw `JOB_INVALID`.
 *
 * ```ts
 * stream(flights).groupByKey().window(tumbling('1h', { grace: '10m' })).count('flights-by-hour')
 * ```
 */
export function tumbling(size: Duration, options: WindowOptions = {}): Windows {
  const sizeMs = durationMs(size)
  return Object.freeze({ kind: 'tumbling', sizeMs, advanceMs: sizeMs, ...waiting(options) })
}

/**
 * Windows of one size that start every `advance`, so that they overlap: a record is in every window that spans its time. An
 * advance that is 0, more than the size, or so small that a record would be in more than 10,000 windows makes `job` throw
 * `JOB_INVALID`.
 *
 * ```ts
 * stream(flights).groupByKey().window(hopping('1h', { advance: '10m' })).count('flights-in-the-last-hour')
 * ```
 */
export function hopping(size: Duration, options: HoppingOptions): Windows {
  return Object.freeze({
    kind: 'hopping',
    sizeMs: durationMs(size),
    advanceMs: durationMs(options.advance),
    ...(options.panes === true && { panes: true }),
    ...waiting(options),
  })
}

/** How late records of sliding windows may be, and how long windows are kept. */
export interface SlidingOptions {
  /** As for other windows: see `WindowOptions`. Default `event`. */
  readonly clock?: WindowClock
  /**
   * How late a record may be: it is late if the watermark of its partition is past its own time by more than this. With the
   * default of 0, each record out of order is late.
   */
  readonly grace?: Duration
  /** How long after its end a window is kept for queries; at least the grace. Default: for ever. */
  readonly retention?: Duration
}

/**
 * For each time at which a key has a record, the window of that size which ends with that time: what the last ten minutes were,
 * at each record. Its total is computed once, when no more records for it can come, from its records in the order of time. So every
 * total is final, whatever `emit` is. A duration that is not usable makes `job` throw `JOB_INVALID`.
 *
 * ```ts
 * stream(payments).groupByKey().window(sliding('10m', { grace: '5s', retention: '1d' })).count('payments-in-10-minutes')
 * ```
 */
export function sliding(size: Duration, options: SlidingOptions = {}): Windows {
  return Object.freeze({ kind: 'sliding', sizeMs: durationMs(size), ...waiting(options) })
}

/** Whose calendar it is, how long windows take records, and how long they are kept. */
export interface CalendarOptions extends WindowOptions {
  /** The time zone, as in the time zone database: `'Europe/Zurich'`, `'UTC'`. */
  readonly timeZone: string
  /** The first day of weeks. Default `'monday'`, as in ISO 8601. */
  readonly weekStartsOn?: Weekday
}

/**
 * Windows of the calendar of a time zone: each day, week, month, quarter or year is one. A day begins at midnight there, and
 * has 23 or 25 hours when clocks are set. A zone or unit that is not known makes `job` throw `JOB_INVALID`.
 *
 * ```ts
 * stream(orders).groupByKey().window(calendar('day', { timeZone: 'Europe/Zurich', grace: '5m' })).count('orders-by-day')
 * ```
 */
export function calendar(unit: CalendarUnit, options: CalendarOptions): Windows {
  const { timeZone, weekStartsOn = 'monday' } = options
  return Object.freeze({ kind: 'calendar', unit, timeZone, weekStartsOn, ...waiting(options) })
}

/** When a session ends, how late records may be, and how long sessions are kept. */
export interface SessionOptions {
  /** As for other windows: see `WindowOptions`. Default `event`. */
  readonly clock?: WindowClock
  /** Records of a key that are less than this apart are in one session. */
  readonly gap: Duration
  /**
   * How late a record may be: it is late if the watermark of its partition is past its own time by more than this. With the
   * default of 0, each record out of order is late.
   */
  readonly grace?: Duration
  /** How long after its end a session is kept for queries; at least the grace. Default: for ever. */
  readonly retention?: Duration
}

/** How a key's records form sessions. */
export type Sessions = SessionWindows

/**
 * A window for each run of records of a key in which each is less than `gap` after the one before it. The window begins with
 * the first record, and ends one gap after the last. A record that comes between two sessions makes one of them. Durations
 * that are not usable make `job` throw `JOB_INVALID`.
 *
 * ```ts
 * stream(clicks).groupByKey().window(sessions({ gap: '30m', grace: '1m' })).count('clicks-by-visit')
 * ```
 */
export function sessions({ gap, ...options }: SessionOptions): Sessions {
  return Object.freeze({ kind: 'session', gapMs: durationMs(gap), ...waiting(options) })
}

/** How many records of a key are in one window. */
export interface CountWindows {
  readonly kind: 'count'
  readonly size: number
}

/**
 * Windows of so many consecutive records of a key, whatever their times. A number that is not whole, or less than 1, makes
 * `job` throw `JOB_INVALID`.
 *
 * ```ts
 * stream(readings).groupByKey().window(countWindow(100)).reduce('highest', (a, b) => Math.max(a, b))
 * ```
 */
export function countWindow(size: number): CountWindows {
  return Object.freeze({ kind: 'count', size })
}

function waiting({
  grace = 0,
  retention,
  clock = 'event',
}: WindowOptions): Pick<FixedWindows, 'graceMs' | 'retentionMs' | 'clock'> {
  const retentionMs = retention === undefined ? undefined : durationMs(retention)
  return { graceMs: durationMs(grace), retentionMs, ...(clock !== 'event' && { clock }) }
}
