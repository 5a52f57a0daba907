import type {
  Clock,
  ContainerPhase,
  ContainerState,
  Env,
  JobStatus,
  LogLevel,
  RestoreProgress,
  StatedError,
  Timer,
} from '@millrace/core'
import { BehaviorSubject, filter, firstValueFrom, type Observable } from 'rxjs'
import type { ContainerProcess, ContainerReport } from './container-process.ts'
import { afterFailure, failuresInRow } from './restart-policy.ts'

/** A container that does not end within this time after a stop is killed: it may be in a callback without end. */
const STOP_MS_MAX = 30_000

/** What a slot needs. */
export interface SlotOptions {
  readonly env: Pick<Env, 'clock' | 'timers'>
  readonly start: () => ContainerProcess
  /** Called with each line that the container prints, and with what the node does with it. */
  readonly print: (level: LogLevel, text: string) => void
}

/** A place for one container of a job: it starts the container, and starts it again whenever it fails. */
export class ContainerSlot {
  readonly #options: SlotOptions
  readonly #state: BehaviorSubject<ContainerState>
  #process: ContainerProcess | undefined
  #wanted = false
  /** Whether the process has reported that it has nothing more to do. */
  #finished = false
  #failures = 0
  #startedMs = 0
  #restart: Timer | undefined

  constructor(options: SlotOptions) {
    this.#options = options
    this.#state = new BehaviorSubject(initialState(options.env.clock))
  }

  get state(): ContainerState {
    return this.#state.value
  }

  /** The present state, then every later one. */
  get states(): Observable<ContainerState> {
    return this.#state
  }

  /** Starts the container, if it does not run yet. */
  start(): void {
    if (this.#wanted) return
    this.#wanted = true
    this.#failures = 0
    this.#begin()
  }

  /** Requests the container's end, and resolves when its process has ended. */
  async stop(): Promise<void> {
    this.#wanted = false
    this.#restart?.cancel()
    const process = this.#process
    if (process === undefined) {
      if (this.state.phase !== 'stopped') this.#enter('stopped')
      return
    }
    if (this.state.phase !== 'stopping') this.#enter('stopping')
    process.stop()
    const late = this.#options.env.timers.after(STOP_MS_MAX, () => {
      this.#options.print('warning', `The container did not end within ${STOP_MS_MAX / 1000} s. It is killed`)
      process.kill()
    })
    await process.ended
    late.cancel()
    await firstValueFrom(this.#state.pipe(filter(({ phase }) => phase === 'stopped')))
  }

  #begin(): void {
    const process = this.#options.start()
    this.#process = process
    this.#finished = false
    this.#startedMs = this.#options.env.clock.monotonic()
    this.#enter('starting', { pid: process.pid, error: this.state.error })
    process.reports.subscribe((report) => {
      if (process === this.#process) this.#take(report)
    })
    void process.ended.then(({ error }) => this.#ended(error))
  }

  #take(report: ContainerReport): void {
    const { phase } = this.state
    const stopping = phase === 'stopping'
    if (report.kind === 'line') this.#options.print(report.level, report.text)
    else if (report.kind === 'status') this.#takeStatus(report.status)
    else if (report.kind === 'finished') this.#finished = true
    else if (stopping) return
    else if (report.kind === 'waiting') this.#enter('waiting')
    else if (report.kind === 'running') this.#enter('running', { url: report.url, address: report.address })
    else if (report.kind === 'restoring') this.#takeRestore(report.progress)
  }

  /** A container that runs restores the tasks that it gets later. */
  #takeRestore(progress: RestoreProgress): void {
    const restore = progress.done < progress.total ? progress : null
    if (this.state.phase === 'starting') this.#enter('restoring', { restore })
    else this.#update({ restore })
  }

  #takeStatus(status: JobStatus): void {
    this.#update({ status, recordsPerSecond: rateBetween(this.state.status, status) })
  }

  #ended(error: StatedError | null): void {
    this.#process = undefined
    if (this.#finished && error === null) this.#wanted = false
    if (!this.#wanted) {
      this.#enter('stopped')
      return
    }
    const ranMs = this.#options.env.clock.monotonic() - this.#startedMs
    const stated = error ?? { code: 'CONTAINER_ENDED', message: 'The container ended by itself, without an error' }
    this.#failures = failuresInRow(this.#failures, ranMs)
    const next = afterFailure(this.#failures, stated)
    if (next === 'give up') {
      this.#wanted = false
      this.#options.print('error', `The container was given up: ${stated.code}: ${stated.message}`)
      this.#enter('failed', { error: stated })
      return
    }
    this.#options.print(
      'error',
      `The container has failed, and starts again in ${next.restartInMs / 1000} s: ${stated.code}: ${stated.message}`,
    )
    this.#enter('restarting', { error: stated, restarts: this.state.restarts + 1 })
    this.#restart = this.#options.env.timers.after(next.restartInMs, () => this.#begin())
  }

  /** A new phase: what was known of the process stays only if the process does. */
  #enter(phase: ContainerPhase, more: Partial<ContainerState> = {}): void {
    const { pid, status, restarts, error, url, address } = this.state
    const alive = this.#process !== undefined && phase !== 'starting'
    this.#state.next({
      phase,
      sinceMs: this.#options.env.clock.now(),
      pid: alive ? pid : null,
      url: alive ? url : null,
      address: alive ? address : null,
      restarts,
      error: phase === 'running' ? null : error,
      status: alive ? status : null,
      recordsPerSecond: 0,
      restore: null,
      ...more,
    })
  }

  #update(more: Partial<ContainerState>): void {
    this.#state.next({ ...this.state, ...more })
  }
}

function initialState(clock: Clock): ContainerState {
  return {
    phase: 'stopped',
    sinceMs: clock.now(),
    pid: null,
    url: null,
    address: null,
    restarts: 0,
    error: null,
    status: null,
    recordsPerSecond: 0,
    restore: null,
  }
}

/** Records per second between two reports of one container. Tasks that moved meanwhile count from 0. */
function rateBetween(before: JobStatus | null, now: JobStatus): number {
  if (before === null || now.atMs <= before.atMs) return 0
  const processed = new Map(before.tasks.map(({ task, counts }) => [task, counts.processed - counts.repartitioned]))
  let records = 0
  for (const { task, counts } of now.tasks) {
    const had = processed.get(task)
    if (had !== undefined) records += Math.max(0, counts.processed - counts.repartitioned - had)
  }
  return Math.round((records * 1000) / (now.atMs - before.atMs))
}
