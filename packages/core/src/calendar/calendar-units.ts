export const CALENDAR_UNITS = ['day', 'week', 'month', 'quarter', 'year'] as const
export const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const

/** How long a window of the calendar is. A quarter is three months, the first from January on. */
export type CalendarUnit = (typeof CALENDAR_UNITS)[number]

export type Weekday = (typeof WEEKDAYS)[number]
