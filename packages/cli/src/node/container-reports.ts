import type { PlannedStart } from '@millrace/core'
import type { RunOptions, ServedJob } from '@millrace/runtime'
import { JobDisplay } from '../jobs/job-display.ts'
import { withCode } from '../report-error.ts'
import type { Io } from '../terminal/io.ts'
import { type MessageToNode, STOP } from './container-messages.ts'

/** Reports what happens in a container. */
export interface ContainerReporter {
  readonly callbacks: Pick<RunOptions, 'onNotice' | 'onRestore' | 'onWaiting'>
  /** Its tasks run; it answers at the address. */
  running(running: ServedJob, address: string): void
  /** It has ended; `byItself`: not because it was stopped. */
  ended(byItself: boolean): void
}

/** Reports to the node that started this process, through the channel between the two. */
export class NodeReport implements ContainerReporter {
  readonly callbacks: ContainerReporter['callbacks'] = {
    onNotice: (text) => this.#send({ kind: 'line', level: 'warning', text }),
    onRestore: (progress) => this.#send({ kind: 'restoring', progress }),
    onWaiting: () => this.#send({ kind: 'waiting' }),
  }

  /** `stop` is called when the node requests the container's end, or has died. */
  constructor(stop: () => void) {
    process.on('message', (message: unknown) => {
      if (message === STOP) stop()
    })
    process.once('disconnect', stop)
  }

  running({ url, status }: ServedJob, address: string): void {
    this.#send({ kind: 'running', url, address })
    status.subscribe((each) => this.#send({ kind: 'status', status: each }))
  }

  /** It only plans, and has nothing more to do. */
  planned(planned: PlannedStart): void {
    this.#send({ kind: 'planned', planned }, () => this.#disconnect())
  }

  ended(byItself: boolean): void {
    if (byItself) this.#send({ kind: 'finished' }, () => this.#disconnect())
    else this.#disconnect()
  }

  /** Resolves when the node has the reason for the end, or is gone. */
  async failed(error: unknown): Promise<void> {
    const { code, message } = withCode(error)
    await new Promise<void>((resolve) => this.#send({ kind: 'failed', error: { code, message } }, resolve))
    this.#disconnect()
  }

  /** An open channel would keep the process alive. */
  #disconnect(): void {
    if (process.connected) process.disconnect?.()
  }

  #send(message: MessageToNode, sent: () => void = () => undefined): void {
    if (process.connected) process.send?.(message, sent)
    else sent()
  }
}

/** Reports to a person, as "millrace run" does. */
export class TerminalReport implements ContainerReporter {
  readonly callbacks: ContainerReporter['callbacks']
  readonly #display: JobDisplay
  readonly #data: string

  constructor(io: Io, job: string, data: string) {
    const display = new JobDisplay(io, job, false)
    this.#display = display
    this.#data = data
    this.callbacks = {
      onNotice: (message) => display.notice(message),
      onRestore: (progress) => display.restoring(progress),
    }
  }

  running({ url, views, status }: ServedJob): void {
    this.#display.started(url, views, this.#data)
    status.subscribe((each) => this.#display.update(each))
  }

  ended(): void {
    this.#display.ended()
  }
}
