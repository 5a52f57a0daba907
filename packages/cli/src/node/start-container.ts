import { type ChildProcess, fork } from 'node:child_process'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { ERROR_CODES, type ErrorCode, type LogLevel, type StatedError } from '@millrace/core'
import type { ContainerProcess, ContainerReport, ContainerSpec, StartContainer } from '@millrace/runtime'
import { Subject } from 'rxjs'
import { CHANNEL_VARIABLE, isReport, STOP } from './container-messages.ts'
import { takePrintedLines } from './printed-lines.ts'

/** From `src/node` and from `dist/node`. */
const COMMAND = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url))

/** The program that a container's process runs. Default: this command, with this Node. */
export interface ContainerProgram {
  readonly execPath: string
  readonly command: string
}

/** Starts containers as processes of this command, on a data directory. */
export function startContainers(
  data: string,
  program: ContainerProgram = { execPath: process.execPath, command: COMMAND },
): StartContainer {
  return (spec) => new ChildContainer(data, spec, program)
}

/** A container in its own process, which reports through a channel between the two processes. */
class ChildContainer implements ContainerProcess {
  readonly reports = new Subject<ContainerReport>()
  readonly ended: ContainerProcess['ended']
  readonly #child: ChildProcess
  #error: StatedError | null = null
  #stopping = false

  constructor(data: string, spec: ContainerSpec, { execPath, command }: ContainerProgram) {
    const child = fork(command, argumentsOf(data, spec), {
      execPath,
      execArgv: heapArguments(spec),
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Ctrl-C in the node's terminal is for the node: it ends its containers itself.
      detached: true,
    })
    this.#child = child
    this.ended = new Promise((resolve) => {
      child.once('error', (cause) => {
        this.#error ??= { code: 'SYSTEM_CALL_FAILED', message: `The container's process failed: ${cause.message}` }
        if (child.pid === undefined) this.#end(resolve, null)
      })
      // Comes after everything that the process has printed.
      child.once('close', (code, signal) => this.#end(resolve, failureOf(code, signal)))
    })
    child.on('message', (message) => this.#take(message))
    this.#printLines(child.stdout, 'info')
    this.#printLines(child.stderr, 'error')
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  stop(): void {
    if (this.#stopping) return
    this.#stopping = true
    // A process that is about to end has closed the channel.
    if (this.#child.connected) this.#child.send(STOP, () => undefined)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #take(message: unknown): void {
    if (!isReport(message)) return
    if (message.kind === 'failed') this.#error = statedError(message.error)
    else this.reports.next(message)
  }

  #printLines(stream: Readable | null, level: LogLevel): void {
    if (stream === null) return
    takePrintedLines(stream, (text) => this.reports.next({ kind: 'line', level, text }))
  }

  #end(resolve: (end: { readonly error: StatedError | null }) => void, failure: StatedError | null): void {
    this.reports.complete()
    resolve({ error: this.#error ?? failure })
  }
}

/** A container reads the token of its data directory from its file. What it starts, and code of the job, inherit no other. */
function environment(): NodeJS.ProcessEnv {
  const { MILLRACE_TOKEN: _token, ...others } = process.env
  return { ...others, [CHANNEL_VARIABLE]: 'node' }
}

function argumentsOf(data: string, { artefact, settings, acceptLoss, untilEnd, planOnly }: ContainerSpec): string[] {
  const { guarantee, standbys, commitIntervalMs } = settings
  return [
    'container',
    artefact,
    '--data',
    data,
    '--guarantee',
    guarantee,
    '--standbys',
    `${standbys}`,
    '--commit-interval',
    `${commitIntervalMs}ms`,
    ...acceptLoss.flatMap((store) => ['--accept-loss', store]),
    ...(untilEnd ? ['--until-end'] : []),
    ...(planOnly ? ['--plan'] : []),
  ]
}

function heapArguments({ settings: { heapBytesMax } }: ContainerSpec): string[] {
  if (heapBytesMax === null) return []
  return [`--max-old-space-size=${Math.floor(heapBytesMax / 1024 ** 2)}`]
}

/** Why a process has ended that did not state it. */
function failureOf(code: number | null, signal: NodeJS.Signals | null): StatedError | null {
  if (code === 0) return null
  if (signal === 'SIGABRT' || code === 134) {
    return { code: 'CONTAINER_ENDED', message: 'The container ended with SIGABRT, as Node does when the heap is full' }
  }
  const how = signal === null ? `with exit code ${code}` : `with ${signal}`
  return { code: 'CONTAINER_ENDED', message: `The container ended ${how}, and did not state why` }
}

/** The container may run another version of Millrace, with other codes. */
function statedError({ code, message }: { readonly code: string; readonly message: string }): StatedError {
  return isCode(code) ? { code, message } : { code: 'CONTAINER_ENDED', message: `${code}: ${message}` }
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code)
}
