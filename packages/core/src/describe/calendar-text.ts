import type { CalendarWindows } from '../plan/window.ts'

/** Windows of the calendar in words: `week from monday in Europe/Zurich`. On disk, as part of what a store means. */
export function calendarText({ unit, timeZone, weekStartsOn }: CalendarWindows): string {
  return `${unit}${unit === 'week' ? ` from ${weekStartsOn}` : ''} in ${timeZone}`
}
