import { withCode } from '../report-error.ts'
import { isToVersion, type MessageFromVersion, type StartOrder } from './version-messages.ts'

/** The channel from the process of a version to the command that started it. */
export class VersionChannel {
  /** Resolves with the order to start. */
  readonly started: Promise<StartOrder>

  /** `stop` is called when the command requests the end, or has died. */
  constructor(stop: () => void) {
    const { promise, resolve } = Promise.withResolvers<StartOrder>()
    this.started = promise
    process.on('message', (message) => {
      if (!isToVersion(message)) return
      if (message.kind === 'start') resolve(message)
      else stop()
    })
    process.once('disconnect', stop)
  }

  send(message: MessageFromVersion, sent: () => void = () => undefined): void {
    if (process.connected) process.send?.(message, sent)
    else sent()
  }

  /** Resolves when the command has the reason for the end, or is gone. */
  async failed(error: unknown): Promise<void> {
    const { code, message } = withCode(error)
    await new Promise<void>((resolve) => this.send({ kind: 'failed', error: { code, message } }, resolve))
  }

  /** An open channel would keep the process alive. */
  close(): void {
    if (process.connected) process.disconnect?.()
  }
}
