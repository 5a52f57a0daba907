/** Whether everything is tried (`npm run crash`), or an even sample of it (`npm run test:all`), or a third of that (`npm test`). */
export const EVERYTHING = process.env['MILLRACE_CRASH'] === 'all'
const LARGE_SAMPLE = process.env['CI'] !== undefined || process.env['MILLRACE_TESTS'] === 'all'

/** How many of the `count` random trials of a test are made in this run: all of them, or a third. */
export function trials(count: number): number {
  return LARGE_SAMPLE ? count : Math.ceil(count / 3)
}

/**
 * The time that so many random runs may take, ms. Each takes a second or two; this only ends a run that hangs, on a machine that is busy
 * with other things too.
 */
export function limitMs(runs: number, eachMs = 5000): number {
  return 60_000 + runs * eachMs
}

/** The time that trying everything may take. */
export const TIMEOUT_MS = EVERYTHING ? 3_600_000 : 120_000

/** At most `trials(most)` of the items, evenly spread, or all of them if everything is tried. */
export function sampled<T>(items: readonly T[], most: number): T[] {
  const count = trials(most)
  if (EVERYTHING || items.length <= count) return [...items]
  return Array.from({ length: count }, (_, index) => items[Math.floor((index * items.length) / count)]).filter(
    (item) => item !== undefined,
  )
}

/** Calls `each` for all items, two at a time: while one process waits for the disk, another can work. */
export async function forEach<T>(items: readonly T[], each: (item: T, index: number) => Promise<void>): Promise<void> {
  const waiting = items.entries()
  const worker = async () => {
    for (const [index, item] of waiting) await each(item, index)
  }
  await Promise.all([worker(), worker()])
}

/**
 * Calls `each` for a sample of the points of a run, or for all of them if everything is tried. A later run may not come to a
 * point that an earlier one had: `each` returns whether it did. If not, the next points take its place. Returns how many points
 * were reached, and how many that should be at least.
 */
export async function forEachReached<T>(
  points: readonly T[],
  count: number,
  each: (point: T, index: number) => Promise<boolean>,
): Promise<{ readonly reached: number; readonly atLeast: number }> {
  const first = sampled([...points.keys()], count)
  let reached = 0
  await forEach(first, async (at, index) => {
    // Nothing replaces a point if all are tried anyway.
    const tried = EVERYTHING ? points.slice(at, at + 1) : [...points.slice(at), ...points.slice(0, at)].slice(0, count)
    for (const point of tried) {
      if (!(await each(point, index))) continue
      reached++
      return
    }
  })
  return { reached, atLeast: EVERYTHING ? first.length * 0.8 : first.length }
}

/** Skips a test, with a message, if the machine lacks something. In CI that is a failure. */
export function needs(context: { skip(note: string): void }, there: boolean, what: string): void {
  if (there) return
  if (process.env['CI'] === 'true') throw new Error(`this needs ${what}, which CI has`)
  context.skip(`needs ${what}`)
}
