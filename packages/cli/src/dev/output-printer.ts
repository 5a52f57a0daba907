import { count } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'
import { INTERVAL_MS } from './limited-lines.ts'
import type { OutputReport } from './version-messages.ts'

/** So many lines that a job itself prints are shown in an interval; what is printed for each record would be a flood. */
const JOB_LINES_MAX = 200

/**
 * Prints records, changes of views, and what the job prints. Nothing waits for the terminal: what it does not take in time is
 * counted, and not printed.
 */
export class OutputPrinter {
  readonly #io: Io
  /** The width of the names, so that the keys are below each other. */
  #width = 0
  #isHeld = false
  /** What was not printed, by name. */
  readonly #omitted = new Map<string, number>()
  #jobLines = 0
  #intervalEndMs = 0

  constructor(io: Io) {
    this.#io = io
  }

  /** The names of the views and topics of a version. */
  set names(names: readonly string[]) {
    this.#width = Math.max(0, ...names.map((name) => name.length))
  }

  /** While a question is open, nothing may be printed below it. */
  set held(isHeld: boolean) {
    this.#isHeld = isHeld
  }

  output({ of, name, lines, more }: OutputReport): void {
    const title = `${of} ${name}`
    if (this.#isHeld || this.#isBehind()) {
      this.#omit(title, lines.length + more)
      return
    }
    const { bold, cyan, dim, magenta } = this.#io.colors
    const shown = `${dim(of.padEnd(5))} ${(of === 'view' ? cyan : magenta)(name.padEnd(this.#width))}`
    const texts = lines.map(({ key, window, value }) => {
      const at = window === '' ? '' : ` ${dim(window)}`
      return `${shown}  ${bold(printable(key))}${at}  ${value === null ? dim('(deleted)') : printable(value)}\n`
    })
    const left = more + (this.#omitted.get(title) ?? 0)
    this.#omitted.delete(title)
    if (left > 0)
      texts.push(
        `${shown}  ${dim(`… and ${of === 'view' ? 'at least' : 'about'} ${count(left)} more, too fast to show`)}\n`,
      )
    this.#io.stdout.write(texts.join(''))
  }

  /** A line that the job printed. */
  jobLine(to: 'stdout' | 'stderr', text: string): void {
    const now = performance.now()
    if (now >= this.#intervalEndMs) {
      const omitted = this.#omitted.get('') ?? 0
      if (omitted > 0) this.#io[to].write(`${this.#io.colors.dim(`… and ${count(omitted)} more lines of the job`)}\n`)
      this.#omitted.delete('')
      this.#jobLines = 0
      this.#intervalEndMs = now + INTERVAL_MS
    }
    if (this.#isHeld || this.#isBehind() || ++this.#jobLines > JOB_LINES_MAX) this.#omit('', 1)
    else this.#io[to].write(`${printable(text)}\n`)
  }

  #omit(title: string, lines: number): void {
    this.#omitted.set(title, (this.#omitted.get(title) ?? 0) + lines)
  }

  #isBehind(): boolean {
    return this.#io.stdout.writableNeedDrain || this.#io.stderr.writableNeedDrain
  }
}
