import { createInterface } from 'node:readline'
import type { Io } from './io.ts'

/** Whether there is a person who can choose. */
export function canChoose(io: Io): boolean {
  return io.interactive && 'isTTY' in io.stdin && io.stdin.isTTY === true
}

/** A line that a person types; undefined if the signal comes first, or the terminal is closed. */
export function readChoice(io: Io, question: string, signal: AbortSignal): Promise<string | undefined> {
  if (signal.aborted) return Promise.resolve(undefined)
  io.stderr.write(question)
  // The terminal stays as it is, so that Ctrl-C is a signal as ever.
  const lines = createInterface({ input: io.stdin, terminal: false })
  return new Promise((resolve) => {
    const end = (answer: string | undefined) => {
      // Closing ends it once more, without an answer.
      resolve(answer)
      signal.removeEventListener('abort', stop)
      lines.close()
      io.stdin.pause()
    }
    const stop = () => {
      io.stderr.write('\n')
      end(undefined)
    }
    signal.addEventListener('abort', stop, { once: true })
    lines.once('line', (text) => end(text.trim().toLowerCase()))
    lines.once('close', () => end(undefined))
  })
}
