/** Enough for the frames between a callback and the runtime that calls it. */
const FRAMES_MAX = 100

/** A file of the runtime, in this repository or as a package. */
const RUNTIME = /[\\/]runtime[\\/](?:src|dist)[\\/]/
/** What the user of a library did not write. */
const FOREIGN = /[\\/]node_modules[\\/]|\bnode:/
const PLACE = /\(?([^()\s]+):\d+:\d+\)?$/

/** Puts a global back as it was. */
type Restore = () => void

/** While one run is watched, another one is not: each would put back what the other has replaced. */
let isWatching = false

/**
 * Watches the calls of the clock and of random numbers that callbacks of a job make while it runs, and lets them see another time.
 * What is not called by the runtime is not affected.
 */
export class OutsideCalls {
  readonly #calls = new Set<string>()
  readonly #aheadMs: number

  /** `aheadMs`: how far the clock that callbacks see is ahead, ms. */
  constructor(aheadMs: number) {
    this.#aheadMs = aheadMs
  }

  /** The calls so far, each place once: `Math.random at /shop/job.ts:12:5`. */
  get list(): readonly string[] {
    return [...this.#calls]
  }

  /** Watches during a run. The globals are as before when it has ended. */
  async during<T>(run: () => Promise<T>): Promise<T> {
    if (isWatching) return run()
    isWatching = true
    const restores = [
      this.#watch('Math', 'random', 0),
      this.#watch('crypto', 'randomUUID', 0),
      this.#watch('crypto', 'getRandomValues', 0),
      this.#watch('performance', 'now', this.#aheadMs),
      // The method before its class: it is put back in the class that it was taken from.
      this.#watch('Date', 'now', this.#aheadMs),
      this.#watchDate(),
    ]
    try {
      return await run()
    } finally {
      for (const restore of restores.reverse()) restore()
      isWatching = false
    }
  }

  /** Notes a call if a callback of a job makes it, and returns whether it does. */
  #note(name: string): boolean {
    const place = callingPlace()
    if (place !== undefined) this.#calls.add(`${name} at ${place}`)
    return place !== undefined
  }

  /** Replaces a method of a global object. `aheadMs` is added to what it returns to callbacks. */
  #watch(owner: string, name: string, aheadMs: number): Restore {
    const target: unknown = Reflect.get(globalThis, owner)
    if (!isObject(target)) return () => undefined
    const method: unknown = Reflect.get(target, name)
    if (typeof method !== 'function') return () => undefined
    return replace(target, name, (...args: unknown[]) => {
      const result: unknown = Reflect.apply(method, target, args)
      return this.#note(`${owner}.${name}`) && typeof result === 'number' ? result + aheadMs : result
    })
  }

  /** Replaces the class of dates by one whose `new Date()` without a time is ahead for callbacks. */
  #watchDate(): Restore {
    const before: DateConstructor = Reflect.get(globalThis, 'Date')
    const noted = () => {
      const aheadMs = this.#note('new Date()') ? this.#aheadMs : 0
      return aheadMs + new before().getTime()
    }
    const watched = new Proxy(before, {
      construct: (target, args, newTarget) =>
        Reflect.construct(target, args.length === 0 ? [noted()] : args, newTarget),
      apply: () => new before(noted()).toString(),
    })
    return replace(globalThis, 'Date', watched)
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function replace(target: object, name: string, value: unknown): Restore {
  const before = Object.getOwnPropertyDescriptor(target, name)
  Object.defineProperty(target, name, { value, configurable: true, writable: true })
  return () => {
    if (before === undefined) Reflect.deleteProperty(target, name)
    else Object.defineProperty(target, name, before)
  }
}

/** The line at which a callback of a job makes the present call; undefined if the runtime has not called what makes it. */
function callingPlace(): string | undefined {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = FRAMES_MAX
  const frames = new Error().stack?.split('\n').slice(1) ?? []
  Error.stackTraceLimit = limit
  const places = frames.filter((frame) => !/^\s*at async /.test(frame)).map((frame) => PLACE.exec(frame))
  const here = places[0]?.[1]
  const first = places.findIndex((place) => place?.[1] !== here)
  const runtime = places.findIndex((place) => RUNTIME.test(place?.[1] ?? ''))
  const own = places.slice(first, runtime).find((place) => place !== null && !FOREIGN.test(place[1] ?? ''))
  return own?.[0].replace(/^\(|\)$/g, '')
}
