import type { TimerTime } from '@millrace/core'
import type { Entry, Pair, Sorted, SortedStore } from '@millrace/core/internal'
import type { KeyText } from './key-text.ts'

/** A timer in its store, by key and name. Its value is the event time of the call that set it. */
export type TimerEntry = Entry<Pair<unknown, string>, Sorted<number, TimerTime>>
export type TimerStore = SortedStore<Pair<unknown, string>, number, TimerTime>

/**
 * How far the timers of one clock have fired, for the checkpoint: up to the timer of this time and place. Timers that were set
 * for a place before it fired behind it, so many of them.
 */
export interface FiredTimers {
  readonly at: number
  /** The place of a timer among those of its time: both keys, encoded, as Base64. */
  readonly place: string
  readonly behind: number
  /** How many records of repartition topics the timers since the first of this time have caused. */
  readonly outputs: number
}

/** A timer that fires now. */
export interface DueTimer {
  readonly entry: TimerEntry
  readonly at: number
}

/** A timer that was set for a place that the queue has passed. */
interface EarlyTimer {
  readonly key: Pair<unknown, string>
  readonly at: number
  readonly place: string
}

/**
 * The timers of one clock, in the order of their times, then of their keys. Timers may be set, moved and cancelled while others
 * fire. Each timer that has fired is looked at once, and none that is not due.
 */
export class TimerQueue {
  readonly #clock: TimerTime['clock']
  readonly #store: TimerStore
  readonly #texts: KeyText
  /** No timer that is not early fires before this. */
  #nextAt = Number.NEGATIVE_INFINITY
  #walk: Iterator<TimerEntry> | undefined
  #early: EarlyTimer[] = []
  #firedAt = Number.NEGATIVE_INFINITY
  #firedPlace = ''
  #behind = 0
  outputs = 0

  /** `texts`: of the keys of the store. */
  constructor(clock: TimerTime['clock'], store: TimerStore, texts: KeyText) {
    this.#clock = clock
    this.#store = store
    this.#texts = texts
  }

  /** No timer fires before this time; the first one may fire later, if it was moved or cancelled. */
  get nextAt(): number {
    return this.#early[0]?.at ?? this.#nextAt
  }

  /** The latest time of a timer that has fired. */
  get firedAt(): number {
    return this.#firedAt
  }

  /** A timer of this clock was set. */
  set(entry: TimerEntry, at: number): void {
    if (at > this.#firedAt) {
      this.#nextAt = Math.min(this.#nextAt, at)
      return
    }
    const place = this.#texts.of(entry.key)
    if (at === this.#firedAt && place > this.#firedPlace) {
      this.#nextAt = Math.min(this.#nextAt, at)
      return
    }
    this.#early.push({ key: entry.key, at, place })
    this.#early.sort((a, b) => a.at - b.at || (a.place < b.place ? -1 : 1))
  }

  /** The first timer that is due at a time; undefined if none is. */
  take(now: number): DueTimer | undefined {
    for (let early = this.#early[0]; early !== undefined; early = this.#early[0]) {
      if (early.at > now) return undefined
      this.#early.shift()
      // It may have left memory since it was set.
      const entry = this.#store.find(early.key)
      if (this.#isSet(entry, early.at)) return { entry, at: early.at }
    }
    const clock = this.#clock
    this.#walk ??= this.#store
      .inOrder({ from: { clock, at: Math.max(this.#nextAt, Number.MIN_SAFE_INTEGER) } })
      [Symbol.iterator]()
    for (;;) {
      const { value: entry, done } = this.#walk.next()
      if (done === true || entry.value?.order.clock !== clock) {
        this.#nextAt = Number.POSITIVE_INFINITY
        break
      }
      const { at } = entry.value.order
      this.#nextAt = at
      if (at > now) break
      return { entry, at }
    }
    this.#walk = undefined
    return undefined
  }

  /** A timer that `take` returned fires; it is not set any more. Whether it had fired, according to what was saved once. */
  fire({ entry, at }: DueTimer, saved: readonly FiredTimers[]): boolean {
    const place = this.#texts.of(entry.key)
    if (at > this.#firedAt || (at === this.#firedAt && place > this.#firedPlace)) {
      if (at > this.#firedAt) this.outputs = 0
      this.#firedAt = at
      this.#firedPlace = place
      this.#behind = 0
    } else this.#behind++
    this.#store.set(entry, undefined)
    return saved.some((fired) => this.#isBehind(fired))
  }

  save(): FiredTimers | null {
    if (this.#firedAt === Number.NEGATIVE_INFINITY) return null
    const place = Buffer.from(this.#firedPlace, 'latin1').toString('base64')
    return { at: this.#firedAt, place, behind: this.#behind, outputs: this.outputs }
  }

  /** Continues behind what has fired, and finds the first timer. */
  resume(saved: FiredTimers | null): void {
    this.#firedAt = saved?.at ?? Number.NEGATIVE_INFINITY
    this.#firedPlace = saved === null ? '' : placeIn(saved)
    this.#behind = saved?.behind ?? 0
    this.outputs = saved?.outputs ?? 0
    this.#walk = undefined
    this.#early = []
    this.#nextAt = Number.NEGATIVE_INFINITY
    this.take(Number.NEGATIVE_INFINITY)
  }

  #isSet({ value }: TimerEntry, at: number): boolean {
    return value !== undefined && value.order.clock === this.#clock && value.order.at === at
  }

  /** Whether the timer that fires now is one of those that had fired. */
  #isBehind(fired: FiredTimers): boolean {
    if (this.#firedAt !== fired.at) return this.#firedAt < fired.at
    const place = placeIn(fired)
    return this.#firedPlace === place ? this.#behind <= fired.behind : this.#firedPlace < place
  }
}

function placeIn({ place }: FiredTimers): string {
  return Buffer.from(place, 'base64').toString('latin1')
}
