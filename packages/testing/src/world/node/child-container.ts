import { MillraceError, type StatedError } from '@millrace/core'
import type { ContainerEnd, ContainerProcess, ContainerReport } from '@millrace/runtime'
import { Subject } from 'rxjs'
import type { SimulatedProcess } from '../../machine/simulated-process.ts'
import { MessageChannel } from './message-channel.ts'

/** What a container's process does: `millrace container` on a real machine. It ends when the promise is settled. */
export type ContainerProgram = (
  process: SimulatedProcess,
  signal: AbortSignal,
  report: (report: ContainerReport) => void,
) => Promise<void>

/** A container of a simulated node, in its own process, with a channel between the two processes. */
export class ChildContainer implements ContainerProcess {
  readonly pid: number
  readonly reports = new Subject<ContainerReport>()
  readonly ended: Promise<ContainerEnd>
  readonly #process: SimulatedProcess
  readonly #toNode: MessageChannel
  readonly #toContainer: MessageChannel
  readonly #stop = new AbortController()
  /** As the node knows it. */
  #error: StatedError | null = { code: 'CONTAINER_ENDED', message: 'The container was killed' }

  /** Starts the program after a while, as the system does. */
  constructor(
    node: SimulatedProcess,
    process: SimulatedProcess,
    pid: number,
    startMs: number,
    program: ContainerProgram,
  ) {
    const { promise, resolve } = Promise.withResolvers<ContainerEnd>()
    this.pid = pid
    this.ended = promise
    this.#process = process
    this.#toNode = new MessageChannel(node)
    this.#toContainer = new MessageChannel(process)
    process.whenEnded(() => {
      this.#toNode.send(() => {
        this.reports.complete()
        resolve({ error: this.#error })
      })
    })
    // The end of the channel counts as a request to end.
    node.whenEnded(() => this.stop())
    process.env.timers.after(startMs, () => this.#run(program))
  }

  stop(): void {
    this.#toContainer.send(() => this.#stop.abort())
  }

  kill(): void {
    this.#process.crash()
  }

  #run(program: ContainerProgram): void {
    const report = (each: ContainerReport) => this.#toNode.send(() => this.reports.next(each))
    program(this.#process, this.#stop.signal, report).then(
      () => this.#exit(null),
      (error: unknown) => this.#exit(error === this.#stop.signal.reason ? null : statedError(error)),
    )
  }

  #exit(error: StatedError | null): void {
    if (this.#process.state === 'crashed') return
    this.#toNode.send(() => {
      this.#error = error
    })
    this.#process.crash()
  }
}

function statedError(error: unknown): StatedError {
  if (error instanceof MillraceError) return { code: error.code, message: error.message }
  return { code: 'CONTAINER_ENDED', message: error instanceof Error ? error.message : String(error) }
}
