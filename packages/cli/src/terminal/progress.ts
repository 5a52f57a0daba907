import { createLogUpdate } from 'log-update'
import { count, rate, seconds } from './amounts.ts'
import type { Io } from './io.ts'

const REDRAW_MS = 100
/** The reader of a log only needs to see that the command makes progress. */
const PLAIN_LINE_MS = 5000
/** The rate is that of about the last so many ms: the average since the start would hide a stall. */
const RATE_WINDOW_MS = 3000

/**
 * Shows the progress of something long on stderr: redrawn in place for a person, otherwise a plain line now and then. Shows
 * the rate, and the remaining time if the total is known.
 */
export class Progress {
  readonly #io: Io
  readonly #what: string
  readonly #draw: ((text: string) => void) & { clear(): void; done(): void }
  readonly #startMs = performance.now()
  #nextMs = 0
  #marks: { readonly atMs: number; readonly done: number }[] = []
  #last = 0
  #reported = 0
  #drawn = false

  /** `what` is what is counted: `records`. */
  constructor(io: Io, what: string) {
    this.#io = io
    this.#what = what
    this.#draw = createLogUpdate(io.stderr as NodeJS.WriteStream)
    this.#nextMs = this.#startMs + (io.interactive ? REDRAW_MS : PLAIN_LINE_MS)
  }

  /** Is cheap enough to be called often. */
  update(done: number, total: number | undefined): void {
    const now = performance.now()
    this.#last = done
    if (now < this.#nextMs) return
    this.#nextMs = now + (this.#io.interactive ? REDRAW_MS : PLAIN_LINE_MS)
    this.#marks.push({ atMs: now, done })
    while (this.#marks.length > 2 && (this.#marks[1]?.atMs ?? now) < now - RATE_WINDOW_MS) this.#marks.shift()
    const line = progressLine(this.#what, done, total, this.#perSecond(now))
    // A log need not report again that no record has come.
    if (!this.#io.interactive && done === this.#reported) return
    this.#reported = done
    if (this.#io.interactive) this.#draw(`  ${this.#io.colors.dim(line)}`)
    else this.#io.stderr.write(`${line}\n`)
    this.#drawn = true
  }

  /** Removes the line; returns the records per second over the whole time. */
  end(): number {
    if (this.#io.interactive && this.#drawn) this.#draw.clear()
    return (this.#last * 1000) / Math.max(1, performance.now() - this.#startMs)
  }

  #perSecond(now: number): number {
    const first = this.#marks[0]
    const last = this.#marks.at(-1)
    if (first === undefined || last === undefined || first === last) {
      return (this.#last * 1000) / Math.max(1, now - this.#startMs)
    }
    return ((last.done - first.done) * 1000) / Math.max(1, last.atMs - first.atMs)
  }
}

/** One line of progress. */
export function progressLine(what: string, done: number, total: number | undefined, perSecond: number): string {
  if (total === undefined || total < done) return `${count(done)} ${what}, ${rate(perSecond)}`
  const percent = total === 0 ? 100 : Math.floor((done * 100) / total)
  const left = perSecond > 0 ? `, ${seconds((total - done) / perSecond)} left` : ''
  return `${count(done)} of ${count(total)} ${what} (${percent} %), ${rate(perSecond)}${left}`
}
