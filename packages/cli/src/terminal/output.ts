import { once } from 'node:events'
import type { Writable } from 'node:stream'

/** Lines that are collected before they are written: a write for each line would cost a system call for each. */
const CHUNK_CHARACTERS = 64 * 1024

/** Writes lines to a stream no faster than the stream accepts them. Memory stays bounded however many lines there are. */
export class LineOutput {
  readonly #stream: Writable
  #pending = ''

  constructor(stream: Writable) {
    this.#stream = stream
  }

  /** The caller must await the result: that keeps memory bounded. */
  line(text: string): Promise<void> | undefined {
    this.#pending += `${text}\n`
    return this.#pending.length >= CHUNK_CHARACTERS ? this.flush() : undefined
  }

  async flush(): Promise<void> {
    const text = this.#pending
    if (text === '') return
    this.#pending = ''
    if (!this.#stream.writable || this.#stream.write(text)) return
    // A reader that has ended never drains the stream; `close` ends the wait.
    const ended = new AbortController()
    const { signal } = ended
    const drained = once(this.#stream, 'drain', { signal })
    const closed = once(this.#stream, 'close', { signal })
    // The owner of the stream reports its errors, once.
    await Promise.race([drained, closed]).catch(() => undefined)
    ended.abort()
  }
}
