import type { OutputLine, OutputReport } from './version-messages.ts'

/** So many lines of one view or topic are shown in an interval: more than a person reads in that time. */
const INTERVAL_LINES_MAX = 20
export const INTERVAL_MS = 1000
/** How often what there is to show is looked for, and reported. */
export const REPORT_MS = 100

/** The lines of one view or topic. A flood of them is counted, and not shown: so it costs the job nothing but the count. */
export class LimitedLines {
  readonly #of: OutputReport['of']
  readonly #name: string
  #lines: OutputLine[] = []
  #room = INTERVAL_LINES_MAX
  #more = 0
  /** When the interval began in which lines were added; undefined if none were. */
  #beganMs: number | undefined

  constructor(of: OutputReport['of'], name: string) {
    this.#of = of
    this.#name = name
  }

  /** How many more lines this interval takes. */
  get room(): number {
    return this.#room
  }

  /** Adds a line. The caller must have looked at `room`. */
  add(line: OutputLine): void {
    this.#room--
    this.#lines.push(line)
  }

  /** Counts what is not shown. */
  skip(count: number): void {
    this.#more += count
  }

  /** What is to be shown now; undefined if it is nothing. Called often. */
  take(nowMs: number): OutputReport | undefined {
    if (this.#lines.length > 0 || this.#more > 0) this.#beganMs ??= nowMs
    const isOver = this.#beganMs !== undefined && nowMs - this.#beganMs >= INTERVAL_MS
    const [lines, more] = [this.#lines, isOver ? this.#more : 0]
    this.#lines = []
    if (isOver) {
      this.#room = INTERVAL_LINES_MAX
      this.#more = 0
      this.#beganMs = undefined
    }
    if (lines.length === 0 && more === 0) return undefined
    return { kind: 'output', of: this.#of, name: this.#name, lines, more }
  }

  /** What is left at the end. */
  end(): OutputReport | undefined {
    const [lines, more] = [this.#lines, this.#more]
    if (lines.length === 0 && more === 0) return undefined
    return { kind: 'output', of: this.#of, name: this.#name, lines, more }
  }
}
