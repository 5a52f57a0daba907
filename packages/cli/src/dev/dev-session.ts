import { relative } from 'node:path'
import type { JobPlan } from '@millrace/core'
import { canChoose } from '../terminal/choice.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'
import { type Consent, requestConsent } from './consent.ts'
import { DevDisplay } from './dev-display.ts'
import { VersionChild } from './version-child.ts'
import { WatchedModules } from './watched-modules.ts'

/** What a job is developed with. */
export interface DevSessionOptions {
  /** The job file. */
  readonly path: string
  readonly data: string
  /** Whether the job is reset whenever a version cannot continue. */
  readonly reset: boolean
  /** What the process of a version is started with. */
  readonly args: readonly string[]
}

/**
 * Runs a job file, and each version of it that its author saves. A version is loaded and checked while the one before runs; if it can
 * start, the one before commits and ends, and the version continues with its state.
 */
export class DevSession {
  readonly #io: Io
  readonly #options: DevSessionOptions
  readonly #display: DevDisplay
  readonly #modules: WatchedModules
  #running: VersionChild | undefined
  #candidate: VersionChild | undefined
  /** Aborted by the next change, and by the end. */
  #superseded = new AbortController()
  /** Resolves when there is a change that no version has been loaded for. */
  #change = Promise.withResolvers<void>()
  #isOver = false

  constructor(io: Io, options: DevSessionOptions) {
    this.#io = io
    this.#options = options
    this.#display = new DevDisplay(io, options.data)
    this.#modules = new WatchedModules(options.path, (files) => {
      // A question about the former change ends first.
      this.#superseded.abort()
      this.#display.line(io.colors.dim(`${files.map(shortPath).join(', ')} changed`))
      this.#change.resolve()
    })
  }

  /** Runs until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const end = () => {
      this.#isOver = true
      this.#superseded.abort()
      this.#change.resolve()
    }
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    try {
      while (!this.#isOver) {
        this.#superseded = new AbortController()
        this.#change = Promise.withResolvers()
        await this.#load(this.#superseded.signal)
        await this.#change.promise
      }
    } finally {
      this.#modules.close()
      await this.#stopRunning()
      this.#display.ended()
    }
  }

  /** Ends all processes at once. */
  kill(): void {
    this.#candidate?.kill()
    this.#running?.kill()
  }

  /** Loads the job file as it is now, and starts it if it can go on. */
  async #load(signal: AbortSignal): Promise<void> {
    await this.#modules.look()
    const beganMs = performance.now()
    const candidate = new VersionChild(this.#options.args)
    this.#candidate = candidate
    candidate.reports.subscribe((report) => this.#display.report(report))
    const found = await Promise.race([candidate.loaded, aborted(signal)])
    this.#modules.broken = found !== undefined && 'failure' in found
    if (found !== undefined && 'failure' in found) {
      if (found.failure !== null) this.#display.failed(found.failure, this.#running !== undefined)
      return
    }
    const loadedMs = performance.now()
    const consent = found === undefined ? undefined : await this.#consent(found.plan, signal)
    const waitedMs = performance.now() - loadedMs
    if (found === undefined || consent === undefined) {
      await candidate.stop()
      return
    }
    this.#display.loaded(found, this.#modules.files.map(shortPath))
    await this.#stopRunning()
    this.#running = candidate
    candidate.start(consent)
    void candidate.ended.then((failure) => {
      if (this.#running !== candidate) return
      this.#running = undefined
      if (failure !== null) this.#display.failed(failure, false)
    })
    const running = await Promise.race([candidate.running, aborted(signal)])
    if (running !== undefined) this.#display.started(found, running, consent, performance.now() - beganMs - waitedMs)
  }

  /** How the version goes on with what the job has computed; undefined if it is not to start. */
  async #consent(plan: JobPlan, signal: AbortSignal): Promise<Consent | undefined> {
    if (plan.refusals.length === 0) return { acceptLoss: [], reset: false }
    const isRunning = this.#running !== undefined
    if (plan.change !== 'blocked' && this.#options.reset) return { acceptLoss: [], reset: true }
    if (plan.change === 'blocked' || !canChoose(this.#io)) {
      this.#display.refused(plan, isRunning)
      return undefined
    }
    this.#display.held = true
    try {
      return await requestConsent(this.#io, plan, isRunning, signal)
    } finally {
      this.#display.held = false
    }
  }

  /** Ends the version that runs: it commits. */
  async #stopRunning(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    if (running === undefined) return
    const killed = await running.stop()
    this.#display.stopped(running.status, killed)
  }
}

/** Resolves with undefined when the signal aborts. */
function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}

function shortPath(path: string): string {
  return printable(relative(process.cwd(), path))
}
