import type { Readable } from 'node:stream'

/** A longer line becomes several: a job that prints without line breaks must not fill the memory of its node. */
const PRINTED_CHARACTERS_MAX = 16 * 1024

/** Calls `take` with each line of a stream of text, without its end (`\n`, `\r\n` or `\r`). */
export function takePrintedLines(stream: Readable, take: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    // A `\r` at the end may be half of a line's end.
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) takeInParts(line, take)
    while (rest.length > PRINTED_CHARACTERS_MAX) {
      take(rest.slice(0, PRINTED_CHARACTERS_MAX))
      rest = rest.slice(PRINTED_CHARACTERS_MAX)
    }
  })
  stream.on('end', () => {
    const last = rest.replace(/\r$/, '')
    if (last !== '') takeInParts(last, take)
  })
}

function takeInParts(line: string, take: (line: string) => void): void {
  if (line === '') take(line)
  for (let at = 0; at < line.length; at += PRINTED_CHARACTERS_MAX) take(line.slice(at, at + PRINTED_CHARACTERS_MAX))
}
