import type { Event, EventRecord, Written } from './events.ts'
import { RECENT_MAX } from './watch.ts'

/** What the step looks at. */
type Watched = Pick<Event, 'id' | 'size'>

/** A record that the step emits. */
interface Emitted extends Written {
  readonly text: string
}

interface Kept {
  readonly time: number
  readonly id: number
}

interface KeyState {
  last: Kept | undefined
  recent: Kept[]
  kinds: Map<string, Kept>
  timers: Map<string, { readonly at: number; readonly setAt: number }>
}

/** The times of a step, ms. */
export interface WatchTimes {
  /** How long after its write state is there. */
  readonly ttlMs: number
  /** How long after an event its timer `quiet` is due, for each unit of the event's size. */
  readonly quietMs: number
}

/**
 * What the step `watch` does with the events of one partition, computed with maps and sorting: without anything of Millrace. Also for
 * other steps that do the same.
 */
export class WatchByHand {
  readonly emitted: Emitted[] = []
  readonly #times: WatchTimes
  readonly #keys = new Map<string, KeyState>()
  #watermark = Number.NEGATIVE_INFINITY

  constructor(times: WatchTimes) {
    this.#times = times
  }

  take({ key, value, time }: Pick<EventRecord, 'key' | 'time'> & { readonly value: Watched | null }): void {
    this.#watermark = Math.max(this.#watermark, time)
    this.#fireDue()
    const state = this.#stateOf(key)
    if (value === null) {
      state.kinds.clear()
      this.#emit(key, 'deleted', time)
    } else this.#event(key, state, value, time)
    this.#fireDue()
  }

  #event(key: string, state: KeyState, { id, size }: Watched, timestamp: number): void {
    const time = this.#watermark
    this.#emit(key, `${id}${timestamp < time ? ' late' : ''} after ${this.#described(state, time)}`, timestamp)
    state.last = { time, id }
    state.recent = [...state.recent.filter((each) => this.#isThere(each, time)), { time, id }].slice(-RECENT_MAX)
    if (size % 5 === 0) state.kinds.delete('0')
    else state.kinds.set(`${size % 3}`, { time, id })
    if (size % 7 === 0) state.timers.delete('quiet')
    else if (size % 2 === 0) state.timers.set('quiet', { at: timestamp + this.#times.quietMs * size, setAt: time })
    if (size % 11 === 0) state.timers.set('past', { at: Math.max(0, timestamp - size), setAt: time })
  }

  #fire(key: string, name: string, at: number, setAt: number): void {
    const state = this.#stateOf(key)
    const time = Math.max(at, setAt)
    state.timers.delete(name)
    this.#emit(key, `${name}${at < time ? ' late' : ''} with ${this.#described(state, time)}`, at)
    if (name === 'quiet') {
      state.recent = []
      if (at % 3 === 0) state.timers.set('again', { at: at + 9, setAt: time })
    }
    if (name === 'again') state.last = undefined
  }

  #fireDue(): void {
    for (;;) {
      const [first] = [...this.#keys]
        .flatMap(([key, { timers }]) => [...timers].map(([name, timer]) => ({ key, name, ...timer })))
        .filter(({ at }) => at <= this.#watermark)
        .sort((a, b) => a.at - b.at || compare(a.key, b.key) || compare(a.name, b.name))
      if (first === undefined) return
      this.#fire(first.key, first.name, first.at, first.setAt)
    }
  }

  #described({ last, recent, kinds }: KeyState, time: number): string {
    const present = last !== undefined && this.#isThere(last, time) ? last.id : '-'
    const list = recent.filter((each) => this.#isThere(each, time)).map(({ id }) => id)
    const map = [...kinds]
      .filter(([, each]) => this.#isThere(each, time))
      .sort(([a], [b]) => compare(a, b))
      .map(([kind, { id }]) => `${kind}:${id}`)
    return `${present} [${list}] {${map}}`
  }

  #isThere({ time }: Kept, now: number): boolean {
    return time + this.#times.ttlMs > now
  }

  #stateOf(key: string): KeyState {
    let state = this.#keys.get(key)
    if (state === undefined) {
      state = { last: undefined, recent: [], kinds: new Map(), timers: new Map() }
      this.#keys.set(key, state)
    }
    return state
  }

  #emit(key: string, text: string, time: number): void {
    this.emitted.push({ key, text, time })
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
