/** Whether everything is tried (`npm run crash`), or an even sample of it (`npm test`). */
export const EVERYTHING = process.env['MILLRACE_CRASH'] === 'all'

/** The time that trying everything may take. */
export const TIMEOUT_MS = EVERYTHING ? 3_600_000 : 120_000

/** At most `count` of the items, evenly spread, or all of them if everything is tried. */
export function sampled<T>(items: readonly T[], count: number): T[] {
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

/** Skips a test, with a message, if the machine lacks something. In CI that is a failure. */
export function needs(context: { skip(note: string): void }, there: boolean, what: string): void {
  if (there) return
  if (process.env['CI'] === 'true') throw new Error(`this needs ${what}, which CI has`)
  context.skip(`needs ${what}`)
}
