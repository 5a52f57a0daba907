import { once } from 'node:events'
import type { Writable } from 'node:stream'

/** Lines that are gathered before they are written: a line each would cost a system call each. */
const CHUNK_CHARACTERS = 64 * 1024

/** Writes lines to a stream no faster than it takes them; memory stays bounded however many there are. */
export class LineOutput {
  readonly #stream: Writable
  #pending = ''

  constructor(stream: Writable) {
    this.#stream = stream
  }

  /** Awaiting the answer is what keeps memory bounded. */
  line(text: string): Promise<void> | undefined {
    this.#pending += `${text}\n`
    return this.#pending.length >= CHUNK_CHARACTERS ? this.flush() : undefined
  }

  async flush(): Promise<void> {
    const text = this.#pending
    if (text === '') return
    this.#pending = ''
    if (!this.#stream.writable || this.#stream.write(text)) return
    // A reader that went away never drains; `close` ends the wait.
    const ended = new AbortController()
    const { signal } = ended
    const drained = once(this.#stream, 'drain', { signal })
    const closed = once(this.#stream, 'close', { signal })
    // An error of the stream is reported where the stream is, once.
    await Promise.race([drained, closed]).catch(() => undefined)
    ended.abort()
  }
}
