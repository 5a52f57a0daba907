import type { JobPlan, JobStatus, RestoreProgress, StoreFate } from '@millrace/core'
import { dataArgument } from '../data-option.ts'
import { withOptionNames } from '../option-names.ts'
import { counted } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { printable, printableLines } from '../terminal/printable.ts'
import { Progress } from '../terminal/progress.ts'
import type { Consent } from './consent.ts'
import { OutputPrinter } from './output-printer.ts'
import type { VersionFailure, VersionReport } from './version-child.ts'
import type { LoadedVersion, MessageFromVersion } from './version-messages.ts'

type RunningReport = Extract<MessageFromVersion, { readonly kind: 'running' }>

/** What becomes of a store, for the line about a new version. Stores that continue are counted together. */
const FATES: Readonly<Record<StoreFate, string>> = {
  new: 'is new',
  kept: 'continues',
  empty: 'starts empty',
  recomputed: 'is computed again',
  left: 'is not part of the job any more',
}

/** What a person sees of a job that is developed: notes on stderr, records and changes on stdout. */
export class DevDisplay {
  readonly #io: Io
  readonly #data: string
  readonly #printer: OutputPrinter
  /** The job that was started last. */
  #job: string | undefined
  #restore: { readonly task: string; readonly progress: Progress } | undefined
  /** Records that former versions have committed. */
  #processed = 0

  constructor(io: Io, data: string) {
    this.#io = io
    this.#data = data
    this.#printer = new OutputPrinter(io)
  }

  /** While a question is open, nothing is printed below it. */
  set held(isHeld: boolean) {
    this.#printer.held = isHeld
  }

  line(text: string): void {
    this.#endRestore()
    this.#io.stderr.write(`${text}\n`)
  }

  note(text: string): void {
    this.line(`${this.#io.colors.yellow('note:')} ${printableLines(text)}`)
  }

  report(report: VersionReport): void {
    if (report.kind === 'output') this.#printer.output(report)
    else if (report.kind === 'restoring') this.#restoring(report.progress)
    else if (report.kind === 'note') this.note(report.text)
    else if (report.kind === 'line') this.#printer.jobLine(report.to, report.text)
  }

  /** A version is about to start. */
  loaded({ plan, views, topics, createdTopics, notes }: LoadedVersion, files: readonly string[]): void {
    this.#printer.names = [...views, ...topics]
    for (const { name, partitions } of createdTopics) {
      this.note(`Topic ${name} did not exist. It was created, with ${counted(partitions, 'partition')}`)
    }
    for (const text of notes) this.note(text)
    if (plan.job === this.#job) return
    const [first, ...others] = files
    const more = others.length === 0 ? '' : ` and ${counted(others.length, 'file')} that it imports`
    this.line(this.#io.colors.dim(`Watching ${first}${more}. Ctrl-C ends it`))
  }

  started({ plan, views }: LoadedVersion, { url, notes }: RunningReport, consent: Consent, tookMs: number): void {
    const { bold, cyan, dim, green } = this.#io.colors
    const took = `${(tookMs / 1000).toFixed(1)} s`
    if (plan.job === this.#job) {
      this.line(`${green('reloaded')} ${bold(plan.job)} in ${took}: ${fatesText(plan, consent)}`)
    } else {
      this.line(`${green('started')} ${bold(plan.job)} in ${took}, served at ${cyan(url)}`)
      const [view] = views
      if (view !== undefined) this.line(dim(`  $ millrace query ${view}${dataArgument(this.#data)}`))
    }
    for (const text of notes) this.note(text)
    this.#job = plan.job
  }

  /** A version cannot be loaded or started, or has ended. */
  failed({ code, message }: VersionFailure, isRunning: boolean): void {
    this.line(`${this.#io.colors.red(`${code}:`)} ${printableLines(withOptionNames(message))}`)
    this.#goOn(isRunning)
  }

  /** A version cannot start, and there is no terminal for a choice. */
  refused({ refusals, change }: JobPlan, isRunning: boolean): void {
    const { red, dim } = this.#io.colors
    for (const { code, message } of refusals) this.line(`${red(`${code}:`)} ${printableLines(message)}`)
    if (change !== 'blocked') {
      const accept =
        change === 'accept-loss' ? 'with --accept-loss <store> the command starts such stores empty, and ' : ''
      this.line(dim(`Here ${accept}with --reset it computes everything again`))
    }
    this.#goOn(isRunning)
  }

  /** A version has committed and ended. */
  stopped(status: JobStatus | undefined, killed: boolean): void {
    for (const { counts } of status?.tasks ?? []) this.#processed += counts.processed - counts.repartitioned
    if (killed)
      this.note('The former version did not end in time, and was killed. What it had not committed is processed again')
  }

  ended(): void {
    if (this.#job === undefined) return
    this.line(`${this.#io.colors.bold(this.#job)} has stopped: ${counted(this.#processed, 'record')} committed`)
  }

  /** A quick restore prints nothing. */
  #restoring({ task, done, total }: RestoreProgress): void {
    if (this.#restore?.task !== task) {
      this.#endRestore()
      this.#restore = { task, progress: new Progress(this.#io, `changelog records of task ${task} restored`) }
    }
    this.#restore.progress.update(done, total)
  }

  #endRestore(): void {
    this.#restore?.progress.end()
    this.#restore = undefined
  }

  #goOn(isRunning: boolean): void {
    const text = isRunning
      ? 'The running version continues'
      : 'Nothing runs now. The next change of a file starts the job'
    this.line(this.#io.colors.dim(text))
  }
}

function fatesText({ stores }: JobPlan, { reset, acceptLoss }: Consent): string {
  if (reset) return 'everything is computed again'
  const kept = stores.filter(({ fate }) => fate === 'kept').length
  const others = stores.filter(({ fate }) => fate !== 'kept')
  const changed = others.map(
    ({ store, fate }) => `${printable(store)} ${FATES[acceptLoss.includes(store) ? 'empty' : fate]}`,
  )
  const continued = kept === 0 ? [] : [`${counted(kept, 'store')} ${kept === 1 ? 'continues' : 'continue'}`]
  const texts = [...continued, ...changed]
  return texts.length === 0 ? 'it keeps no state' : texts.join(', ')
}
