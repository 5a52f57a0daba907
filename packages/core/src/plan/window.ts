import type { CalendarUnit, Weekday } from '../calendar/calendar-units.ts'

/** How event time is cut into windows. */
export type WindowSpec = FixedWindows | SlidingWindows | SessionWindows | CalendarWindows

/** How long windows take records, and how long they are kept; in ms. */
interface WindowWait {
  /** How late a record may be. For sessions and sliding windows after its own time, for other windows after the end of the window. Default 0. */
  readonly graceMs: number
  /** How long after its end a window is kept for queries; undefined keeps it. At least the grace. */
  readonly retentionMs: number | undefined
  /** Absent: the times of the records put them into windows. */
  readonly clock?: 'wall'
}

/** Windows of one size; all in ms. They are aligned to the epoch. */
export interface FixedWindows extends WindowWait {
  readonly kind: 'tumbling' | 'hopping'
  /** How long a window is. */
  readonly sizeMs: number
  /** How far apart windows start; equal to the size for tumbling ones. */
  readonly advanceMs: number
  /** Whether records are folded into panes, each as long as the advance, and a window is merged of its panes when it closes. */
  readonly panes?: boolean
}

/** A window for each time at which a key has a record: it ends with that time. */
export interface SlidingWindows extends WindowWait {
  readonly kind: 'sliding'
  /** How long a window is, ms. */
  readonly sizeMs: number
}

/** A window for each run of records of a key that are less than the gap apart. It ends one gap after its last record. */
export interface SessionWindows extends WindowWait {
  readonly kind: 'session'
  readonly gapMs: number
}

/** Windows of the calendar of a time zone: days of 23 to 25 hours, months of 28 to 31 days. */
export interface CalendarWindows extends WindowWait {
  readonly kind: 'calendar'
  readonly unit: CalendarUnit
  /** As in the time zone database: `Europe/Zurich`. */
  readonly timeZone: string
  /** Only matters for weeks. */
  readonly weekStartsOn: Weekday
}
