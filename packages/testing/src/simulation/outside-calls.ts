/** A function that reads the outside world, and the global object that has it. */
const READS = [
  ['Math', 'random'],
  ['Date', 'now'],
  ['performance', 'now'],
  ['crypto', 'randomUUID'],
  ['crypto', 'getRandomValues'],
] as const

/** Enough for the frames between a callback and the runtime that calls it. */
const FRAMES_MAX = 100

/** A file of the runtime, in this repository or as a package. */
const RUNTIME = /[\\/]runtime[\\/](?:src|dist)[\\/]/
/** What a user did not write. */
const FOREIGN = /[\\/]node_modules[\\/]|\bnode:/
const PLACE = /\(?([^()\s]+:\d+:\d+)\)?$/

/** What runs now: a second run must not replace what the first one has replaced. */
let isWatching = false

/**
 * Runs something, and returns the result with the calls of the clock and of random numbers that callbacks of a job have made meanwhile:
 * `Math.random at /shop/job.ts:12:5`, each place once. The globals are as before when it has ended.
 */
export async function withOutsideCalls<T>(run: () => Promise<T>): Promise<{ result: T; calls: readonly string[] }> {
  if (isWatching) return { result: await run(), calls: [] }
  isWatching = true
  const calls = new Set<string>()
  const note = (name: string) => {
    const place = callingPlace()
    if (place !== undefined) calls.add(`${name} at ${place}`)
  }
  const restored = [...READS.map(([owner, name]) => watchMethod(owner, name, note)), watchDate(note)]
  try {
    return { result: await run(), calls: [...calls] }
  } finally {
    for (const restore of restored.reverse()) restore()
    isWatching = false
  }
}

/** Replaces a method of a global object by one that also notes its calls; returns what puts the former one back. */
function watchMethod(owner: string, name: string, note: (name: string) => void): () => void {
  const target: unknown = Reflect.get(globalThis, owner)
  if (typeof target !== 'object' && typeof target !== 'function') return () => undefined
  const method: unknown = target === null ? undefined : Reflect.get(target, name)
  if (target === null || typeof method !== 'function') return () => undefined
  const watched = (...args: unknown[]) => {
    note(`${owner}.${name}`)
    return Reflect.apply(method, target, args)
  }
  return replace(target, name, watched)
}

/** Replaces the class of dates by one that also notes each `new Date()` without a time. */
function watchDate(note: (name: string) => void): () => void {
  const before: object = Reflect.get(globalThis, 'Date')
  const watched = new Proxy(before, {
    construct(target, args, newTarget) {
      if (args.length === 0) note('new Date()')
      return Reflect.construct(target as new () => object, args, newTarget)
    },
  })
  return replace(globalThis, 'Date', watched)
}

function replace(target: object, name: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(target, name)
  Object.defineProperty(target, name, { value, configurable: true, writable: true })
  return () => {
    if (before === undefined) Reflect.deleteProperty(target, name)
    else Object.defineProperty(target, name, before)
  }
}

/** Where a callback of a job has made the present call; undefined if the runtime has not called it. */
function callingPlace(): string | undefined {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = FRAMES_MAX
  const frames = new Error().stack?.split('\n').slice(1) ?? []
  Error.stackTraceLimit = limit
  const places = frames.filter((frame) => !/^\s*at async /.test(frame)).flatMap((frame) => PLACE.exec(frame)?.[1] ?? [])
  const here = fileOf(places[0])
  const first = places.findIndex((place) => fileOf(place) !== here)
  const runtime = places.findIndex((place) => RUNTIME.test(place))
  if (first < 0 || first >= runtime) return undefined
  const between = places.slice(first, runtime)
  return between.find((place) => !FOREIGN.test(place)) ?? between[0]
}

function fileOf(place = ''): string {
  return place.replace(/:\d+:\d+$/, '')
}
