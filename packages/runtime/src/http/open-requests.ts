import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { UNANSWERED_REQUESTS_MAX } from './limits.ts'
import { whenGone } from './when-gone.ts'

/** The requests that are being answered, on each connection and on all of them. */
export class OpenRequests {
  readonly #onConnection = new WeakMap<Socket, number>()
  #requests = 0
  #onNone = () => {}

  /**
   * Whether a request may be answered: it counts as open until its response has closed. A connection that has too many open
   * requests is destroyed. Node still hands over the requests that came in the same chunk, and the server must not process
   * them.
   */
  admit(response: ServerResponse): boolean {
    const { socket } = response.req
    const open = this.#onConnection.get(socket) ?? 0
    if (socket.destroyed || open >= UNANSWERED_REQUESTS_MAX) {
      // Destroys the socket too. If a request is not destroyed, Node formats a stack for it once the socket has closed.
      response.req.destroy()
      return false
    }
    this.#onConnection.set(socket, open + 1)
    this.#requests++
    whenGone(response, () => {
      this.#onConnection.set(socket, (this.#onConnection.get(socket) ?? 1) - 1)
      this.#requests--
      if (this.#requests === 0) this.#onNone()
    })
    return true
  }

  /** Calls back once no request is being answered; at once if none is. */
  whenNone(callback: () => void): void {
    this.#onNone = callback
    if (this.#requests === 0) callback()
  }
}
