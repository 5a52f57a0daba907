import { formatPosition, type JobStatus, type RestoreProgress } from '@millrace/core'
import type { ServedView } from '@millrace/runtime'
import { dataArgument } from '../data-option.ts'
import { count, counted, rate } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { printableLines } from '../terminal/printable.ts'
import { Progress } from '../terminal/progress.ts'

/** What a running job shows on stderr: the address of its views, how far it is, and how fast. */
export class JobDisplay {
  readonly #io: Io
  readonly #job: string
  readonly #untilEnd: boolean
  readonly #progress: Progress
  readonly #startMs = performance.now()
  /** By the last status. */
  #totals: Totals = { processed: 0, lag: 0, skipped: 0, late: 0 }
  #restore: { readonly task: string; readonly progress: Progress } | undefined

  constructor(io: Io, job: string, untilEnd: boolean) {
    this.#io = io
    this.#job = job
    this.#untilEnd = untilEnd
    this.#progress = new Progress(io, 'records')
  }

  started(url: string, views: readonly ServedView[], data: string): void {
    this.#restore?.progress.end()
    const { bold, cyan, dim } = this.#io.colors
    const names = views.map((view) => view.name)
    const [what, are] = names.length === 1 ? ['view', 'is'] : ['views', 'are']
    const served =
      names.length === 0
        ? `It has no views. Its status is served at ${url}`
        : `Its ${what} ${names.map((name) => cyan(name)).join(', ')} ${are} served at ${url}`
    this.#line(`${bold(this.#job)} runs. ${served}`)
    for (const { name, completeFrom } of views) {
      const from = formatPosition(completeFrom)
      if (from !== '') this.notice(`View ${name} counts from ${from} on, not from the start of its inputs`)
    }
    const [first] = names
    if (first !== undefined && !this.#untilEnd) this.#line(dim(`  $ millrace query ${first}${dataArgument(data)}`))
  }

  /** A quick restore prints nothing. */
  restoring({ task, done, total }: RestoreProgress): void {
    if (this.#restore?.task !== task) {
      this.#restore?.progress.end()
      this.#restore = { task, progress: new Progress(this.#io, `changelog records of task ${task} restored`) }
    }
    this.#restore.progress.update(done, total)
  }

  update(status: JobStatus): void {
    this.#totals = totals(status)
    const { processed, lag } = this.#totals
    // Records that earlier steps have not sent yet are not counted, so this is only a lower bound of what is left.
    this.#progress.update(processed, this.#untilEnd || lag > 0 ? processed + lag : undefined)
  }

  notice(message: string): void {
    this.clear()
    this.#line(`${this.#io.colors.yellow('note:')} ${printableLines(message)}`)
  }

  ended(): void {
    const perSecond = this.#progress.end()
    const { processed, skipped, late } = this.#totals
    const took = ((performance.now() - this.#startMs) / 1000).toFixed(1)
    const left = skipped > 0 ? `; the error policies left out ${count(skipped)}` : ''
    const tooLate = late > 0 ? `; ${count(late)} came after their windows had closed` : ''
    this.#line(
      `${this.#job} has stopped: ${counted(processed, 'record')} committed in ${took} s (${rate(perSecond)})${left}${tooLate}`,
    )
  }

  clear(): void {
    this.#restore?.progress.end()
    this.#progress.end()
  }

  #line(text: string): void {
    this.#io.stderr.write(`${text}\n`)
  }
}

/** A summary of a status. */
interface Totals {
  /** A record counts once, however many stages it passes. */
  readonly processed: number
  readonly lag: number
  readonly skipped: number
  readonly late: number
}

function totals(status: JobStatus): Totals {
  let [processed, lag, skipped, late] = [0, 0, 0, 0]
  for (const { counts, inputs } of status.tasks) {
    processed += counts.processed - counts.repartitioned
    skipped += counts.undecodable + counts.keyless + counts.failed
    late += counts.late
    for (const input of inputs) lag += Math.max(0, input.endOffset - input.offset)
  }
  return { processed, lag, skipped, late }
}
