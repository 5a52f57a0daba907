import { daysSince1970, MS_PER_DAY } from './civil-date.ts'

/** No clock of a zone is, or was since 1970, further from UTC than this: 14 hours at most today. */
const OFFSET_MS_MAX = 18 * 3_600_000

/** What the clocks of a time zone show. Times and local times are in ms since 1970-01-01, the latter as if they were of UTC. */
export class ZoneClock {
  readonly #format: Intl.DateTimeFormat

  /** Throws a `RangeError` if the zone is not known. */
  constructor(timeZone: string) {
    const numeric = 'numeric'
    this.#format = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
      timeZone,
      hourCycle: 'h23',
      year: numeric,
      month: numeric,
      day: numeric,
      hour: numeric,
      minute: numeric,
      second: numeric,
    })
  }

  /** What the clocks show at a time. Takes some microseconds. */
  localTime(time: number): number {
    const shown = new Map(this.#format.formatToParts(time).map(({ type, value }) => [type, Number(value)]))
    const part = (type: Intl.DateTimeFormatPartTypes) => shown.get(type) ?? 0
    const days = daysSince1970(part('year'), part('month'), part('day'))
    const seconds = (part('hour') * 60 + part('minute')) * 60 + part('second')
    // Clocks of all zones show the same part of a second: offsets are whole seconds.
    const ms = ((time % 1000) + 1000) % 1000
    return days * MS_PER_DAY + seconds * 1000 + ms
  }

  /**
   * The first time at which the clocks show a local time or a later one. If they are set forward over it, that is when they are
   * set; if they are set back over it, and show it twice, the first time.
   */
  firstTime(local: number): number {
    const [before, after] = [local - OFFSET_MS_MAX, local + OFFSET_MS_MAX]
    const [earlier, later] = [this.#offset(before), this.#offset(after)]
    // Clocks are never set twice around one midnight.
    if (earlier === later || this.#offset(local - earlier) === earlier) return local - earlier
    return Math.max(this.#setBetween(before, after), local - later)
  }

  #offset(time: number): number {
    return this.localTime(time) - time
  }

  /** When the clocks are set between two times that have different offsets: the first time that has the second one's. */
  #setBetween(before: number, after: number): number {
    const offset = this.#offset(before)
    let [earlier, later] = [before, after]
    while (later - earlier > 1) {
      const middle = Math.floor((earlier + later) / 2)
      if (this.#offset(middle) === offset) earlier = middle
      else later = middle
    }
    return later
  }
}

/** Whether the rules of a time zone are known. */
export function isTimeZone(name: unknown): boolean {
  if (typeof name !== 'string') return false
  try {
    return new ZoneClock(name) !== undefined
  } catch {
    return false
  }
}
