import { EVENT_TIME_MAX } from '../event-time-max.ts'

/** What a duration must be, in words. */
export const DURATION = `a number of whole ms up to ${EVENT_TIME_MAX}, or text such as '500ms', '10s', '5m', '1h', '1d'`

/** Whether a step can wait for so long. */
export function isDuration(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0 && ms <= EVENT_TIME_MAX
}

/** Whether something can be so long, or happen so often. */
export function isLength(ms: number): boolean {
  return isDuration(ms) && ms > 0
}
