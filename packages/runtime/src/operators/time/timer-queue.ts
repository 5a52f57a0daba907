import type { TimerTime } from '@millrace/core'
import type { Entry, KeyPair, SetTimer, Sorted, SortedStore } from '@millrace/core/internal'
import { comparePlaces, type FiredTimers } from '../../task/fired-timers.ts'
import type { KeyText } from './key-text.ts'

/**
 * A timer in its store, by key and name. Its order is when to look at it: at its time, or earlier, if it was moved to a later
 * time. So a timer that is moved all the time changes its place once in a while.
 */
export type TimerEntry = Entry<KeyPair<unknown, string>, Sorted<SetTimer, TimerTime>>
export type TimerStore = SortedStore<KeyPair<unknown, string>, SetTimer, TimerTime>

/** A timer that fires now. */
export interface DueTimer extends SetTimer {
  readonly entry: TimerEntry
}

/** Where a timer is; it may have left the place since. */
interface Placed {
  readonly key: KeyPair<unknown, string>
  readonly at: number
}

/** A timer that was set for a place that the queue has passed. */
interface EarlyTimer extends Placed {
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
  /** What the walk has reached, if that is not due yet. */
  #ahead: Placed | undefined
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

  /** Sets a timer for a time, or moves it there. `setAt`: the event time of the call. */
  set(entry: TimerEntry, at: number, setAt: number): void {
    const { order } = entry.value ?? {}
    const value = { at, setAt }
    if (order !== undefined && order.clock === this.#clock && order.at <= at) this.#store.set(entry, { value, order })
    else this.#place(entry, value)
  }

  /** Puts a timer in the place of its time. */
  #place(entry: TimerEntry, value: SetTimer): void {
    const { at } = value
    this.#store.set(entry, { value, order: { clock: this.#clock, at } })
    if (!this.#takeEarly({ key: entry.key, at })) this.#expect(at)
  }

  /** Keeps a place in mind that the queue has passed; false for any other. */
  #takeEarly({ key, at }: Placed): boolean {
    if (at > this.#firedAt) return false
    const place = this.#texts.of(key)
    if (at === this.#firedAt && place > this.#firedPlace) return false
    this.#early.push({ key, at, place })
    this.#early.sort((a, b) => a.at - b.at || (a.place < b.place ? -1 : 1))
    return true
  }

  /** The first timer that is set; undefined if none is. */
  first(): SetTimer | undefined {
    for (;;) {
      const [early] = this.#early
      const place = this.#takePlace(Number.POSITIVE_INFINITY)
      if (place === undefined) return undefined
      const timer = this.#look(place)
      if (timer === undefined) continue
      if (early === undefined) this.#ahead = place
      else this.#early.unshift(early)
      return { at: timer.at, setAt: timer.setAt }
    }
  }

  /** The first timer that is due at a time; undefined if none is. */
  take(now: number): DueTimer | undefined {
    for (;;) {
      const place = this.#takePlace(now)
      if (place === undefined) return undefined
      const due = this.#look(place)
      if (due !== undefined) return due
    }
  }

  /** The first place that is due; early timers are before all others. */
  #takePlace(now: number): Placed | undefined {
    const [early] = this.#early
    if (early !== undefined) return early.at > now ? undefined : this.#early.shift()
    if (this.#nextAt > now) return undefined
    const ahead = this.#ahead ?? this.#next()
    this.#nextAt = ahead?.at ?? Number.POSITIVE_INFINITY
    const isDue = this.#nextAt <= now
    this.#ahead = isDue ? undefined : ahead
    return isDue ? ahead : undefined
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
    if (saved.length === 0) return false
    const fires = { at: this.#firedAt, place: encoded(this.#firedPlace), behind: this.#behind }
    return saved.some((fired) => comparePlaces(fires, fired) <= 0)
  }

  save(): FiredTimers | null {
    if (this.#firedAt === Number.NEGATIVE_INFINITY) return null
    return { at: this.#firedAt, place: encoded(this.#firedPlace), behind: this.#behind, outputs: this.outputs }
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
    let ahead = this.#next()
    while (ahead !== undefined && this.#takeEarly(ahead)) ahead = this.#next()
    this.#ahead = ahead
    this.#nextAt = ahead?.at ?? Number.POSITIVE_INFINITY
  }

  /** A timer was put in a place that the walk has not passed, unless it has looked ahead. */
  #expect(at: number): void {
    if (at > this.#nextAt) return
    this.#nextAt = at
    if (this.#ahead === undefined) return
    this.#ahead = undefined
    this.#walk = undefined
  }

  /** The next place of the walk; the walk ends with the timers of this clock. */
  #next(): Placed | undefined {
    const clock = this.#clock
    const from = { clock, at: Math.max(this.#nextAt, Number.MIN_SAFE_INTEGER) }
    this.#walk ??= this.#store.inOrder({ from })[Symbol.iterator]()
    const { value: entry, done } = this.#walk.next()
    if (done !== true && entry.value?.order.clock === clock) return { key: entry.key, at: entry.value.order.at }
    this.#walk = undefined
    return undefined
  }

  /** The timer of a place, if that is the place of its time; if the timer was moved, it is put there. */
  #look({ key, at }: Placed): DueTimer | undefined {
    // It may have left memory since its place was found.
    const entry = this.#store.find(key)
    if (entry.value === undefined) return undefined
    const { value, order } = entry.value
    if (order.clock !== this.#clock || order.at !== at) return undefined
    if (value.at === at) return { entry, ...value }
    this.#place(entry, value)
    return undefined
  }
}

function encoded(place: string): string {
  return Buffer.from(place, 'latin1').toString('base64')
}

function placeIn({ place }: FiredTimers): string {
  return Buffer.from(place, 'base64').toString('latin1')
}
