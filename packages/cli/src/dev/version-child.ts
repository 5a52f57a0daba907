import { type ChildProcess, fork } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { JobStatus } from '@millrace/core'
import { Subject } from 'rxjs'
import { withCode } from '../report-error.ts'
import { LAST_COMMIT_MS } from './end-with-parent.ts'
import {
  isFromVersion,
  type LoadedVersion,
  type MessageFromVersion,
  type MessageToVersion,
  type StartOrder,
} from './version-messages.ts'

/** From `src/dev` and from `dist/dev`. */
const COMMAND = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url))

/** Why a version could not be loaded, or has ended. */
export interface VersionFailure {
  readonly code: string
  readonly message: string
}

/** What the process of a version reports while it runs. */
export type VersionReport =
  | Exclude<MessageFromVersion, LoadedVersion | { readonly kind: 'failed' | 'running' }>
  | { readonly kind: 'line'; readonly to: 'stdout' | 'stderr'; readonly text: string }

type RunningReport = Extract<MessageFromVersion, { readonly kind: 'running' }>

/** The process of one version of a job file. */
export class VersionChild {
  readonly reports = new Subject<VersionReport>()
  /** Resolves with the version, or with why it cannot be loaded; null if it was stopped before that. */
  readonly loaded: Promise<LoadedVersion | { readonly failure: VersionFailure | null }>
  /** Resolves with the first report of the running job; undefined if it ended before. */
  readonly running: Promise<RunningReport | undefined>
  /** Resolves when the process has ended: with the reason, or null if it was stopped. Never rejects. */
  readonly ended: Promise<VersionFailure | null>
  /** By its last report. */
  status: JobStatus | undefined
  readonly #child: ChildProcess
  #failure: VersionFailure | undefined
  #isStopping = false

  constructor(args: readonly string[]) {
    const loaded = Promise.withResolvers<LoadedVersion | { readonly failure: VersionFailure | null }>()
    const running = Promise.withResolvers<RunningReport | undefined>()
    this.loaded = loaded.promise
    this.running = running.promise
    // As the leader of a process group: Ctrl-C in the terminal is for the command, and the compiler ends with the version.
    const child = fork(COMMAND, ['dev-version', ...args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true })
    this.#child = child
    this.ended = new Promise((resolve) => {
      const end = (failure: VersionFailure | null) => {
        this.reports.complete()
        const reason = this.#failure ?? (this.#isStopping ? null : failure)
        resolve(reason)
        loaded.resolve({ failure: reason })
        running.resolve(undefined)
      }
      child.once('error', (error) => {
        if (child.pid === undefined) end(withCode(error))
      })
      // Comes after everything that the process has printed.
      child.once('close', (code, signal) => end(failureOf(code, signal)))
    })
    child.on('message', (message) => {
      if (!isFromVersion(message)) return
      if (message.kind === 'loaded') loaded.resolve(message)
      else if (message.kind === 'failed') this.#failure = message.error
      else if (message.kind === 'running') running.resolve(message)
      else {
        if (message.kind === 'status') this.status = message.status
        this.reports.next(message)
      }
    })
    this.#printLines(child.stdout, 'stdout')
    this.#printLines(child.stderr, 'stderr')
  }

  start(order: Omit<StartOrder, 'kind'>): void {
    this.#send({ kind: 'start', ...order })
  }

  /**
   * Requests that it commits and ends; resolves when it has ended. Returns whether it had to be killed: its code may loop without an end.
   */
  async stop(): Promise<boolean> {
    this.#isStopping = true
    this.#send({ kind: 'stop' })
    let killed = false
    const timer = setTimeout(() => {
      killed = true
      this.kill()
    }, LAST_COMMIT_MS)
    await this.ended
    clearTimeout(timer)
    return killed
  }

  /** Ends it at once, with the compiler that checks it. What it had not committed is processed again. */
  kill(): void {
    this.#isStopping = true
    const { pid } = this.#child
    if (pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It has just ended, or the system has no process groups.
      this.#child.kill('SIGKILL')
    }
  }

  #send(message: MessageToVersion): void {
    // A process that is about to end has closed the channel.
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  #printLines(stream: Readable | null, to: 'stdout' | 'stderr'): void {
    if (stream === null) return
    createInterface({ input: stream }).on('line', (text) => this.reports.next({ kind: 'line', to, text }))
  }
}

/** Why a process has ended that did not state it. */
function failureOf(code: number | null, signal: NodeJS.Signals | null): VersionFailure | null {
  if (code === 0) return null
  const how = signal === null ? `with exit code ${code}` : `with ${signal}`
  return { code: 'CONTAINER_ENDED', message: `The process of the job ended ${how}, and did not state why` }
}
