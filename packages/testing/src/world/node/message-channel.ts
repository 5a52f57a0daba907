import type { SimulatedProcess } from '../../machine/simulated-process.ts'

/** Messages to a process: they come in the order in which they were sent, each as an event of the process. */
export class MessageChannel {
  readonly #receiver: SimulatedProcess
  readonly #sent: (() => void)[] = []

  constructor(receiver: SimulatedProcess) {
    this.#receiver = receiver
  }

  /** Sends what the receiver does when it gets the message. If it ends before, the message is lost. */
  send(take: () => void): void {
    this.#sent.push(take)
    // Timers may come in another order than they were set in: each takes the oldest message.
    this.#receiver.env.timers.after(0, () => this.#sent.shift()?.())
  }
}
