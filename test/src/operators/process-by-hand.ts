/** A record as the simulation takes it: a value of null is a deletion. */
export interface PlainRecord {
  readonly key: string
  readonly value: number | null
  readonly timestamp: number
}

/** What a step emits. */
export interface PlainEmission {
  readonly key: string
  readonly text: string
  readonly timestamp: number
}

/** How long after its write the state of the step with a time to live is there, ms. */
export const TTL_MS = 40
export const RECENT_MAX = 3

interface Written {
  readonly time: number
  readonly value: number
}

interface KeyState {
  last: Written | undefined
  recent: Written[]
  kinds: Map<string, Written>
  timers: Map<string, { readonly at: number; readonly setAt: number }>
}

/**
 * What the step of `process.test.ts` does with the records of one partition, computed by hand with maps and sorting: it knows
 * nothing of Millrace.
 */
export class ProcessByHand {
  readonly emissions: PlainEmission[] = []
  readonly #keys = new Map<string, KeyState>()
  #watermark = Number.NEGATIVE_INFINITY

  take({ key, value, timestamp }: PlainRecord): void {
    this.#watermark = Math.max(this.#watermark, timestamp)
    this.#fireDue()
    const state = this.#stateOf(key)
    const time = this.#watermark
    if (value === null) {
      state.kinds.clear()
      this.#emit(key, 'deleted', timestamp)
    } else {
      this.#record(key, state, value, timestamp, time)
    }
    this.#fireDue()
  }

  #record(key: string, state: KeyState, value: number, timestamp: number, time: number): void {
    const late = timestamp < time ? ' late' : ''
    this.#emit(key, `${value}${late} after ${this.#describe(state, time)}`, timestamp)
    state.last = { time, value }
    state.recent = [...state.recent, { time, value }].filter((each) => isThere(each, time)).slice(-RECENT_MAX)
    if (value % 5 === 0) state.kinds.delete('0')
    else state.kinds.set(`${value % 3}`, { time, value })
    if (value % 7 === 0) state.timers.delete('quiet')
    else if (value % 2 === 0) state.timers.set('quiet', { at: timestamp + value, setAt: time })
    if (value % 11 === 0) state.timers.set('past', { at: Math.max(0, timestamp - value), setAt: time })
  }

  #fire(key: string, name: string, at: number, setAt: number): void {
    const state = this.#stateOf(key)
    const time = Math.max(at, setAt)
    state.timers.delete(name)
    this.#emit(key, `${name}${at < time ? ' late' : ''} with ${this.#describe(state, time)}`, at)
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

  #describe({ last, recent, kinds }: KeyState, time: number): string {
    const present = (each: Written | undefined) => (each !== undefined && isThere(each, time) ? each.value : '-')
    const list = recent.filter((each) => isThere(each, time)).map(({ value }) => value)
    const map = [...kinds]
      .filter(([, each]) => isThere(each, time))
      .sort(([a], [b]) => compare(a, b))
      .map(([kind, { value }]) => `${kind}:${value}`)
    return `${present(last)} [${list}] {${map}}`
  }

  #stateOf(key: string): KeyState {
    let state = this.#keys.get(key)
    if (state === undefined) {
      state = { last: undefined, recent: [], kinds: new Map(), timers: new Map() }
      this.#keys.set(key, state)
    }
    return state
  }

  #emit(key: string, text: string, timestamp: number): void {
    this.emissions.push({ key, text, timestamp })
  }
}

function isThere({ time }: Written, now: number): boolean {
  return time + TTL_MS > now
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
