import type { LogProblem } from '@millrace/connectors/internal'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'

/** A problem as a line that a person can read. */
export function problemLine(problem: LogProblem, { red, yellow, dim }: Io['colors']): string {
  const { severity, file, what, offset, nextOffset } = problem
  const color = { damage: red, torn: yellow, harmless: dim }[severity]
  const at = offset === undefined ? '' : `, ${offsetText(offset, nextOffset)}`
  return `${color(severity.padEnd(8))} ${file}, ${byteText(problem)}${at}: ${printable(what)}`
}

/** `byte 7`, or `bytes 7 to 9` of `[position, end)`. */
export function byteText({ position, end }: { readonly position: number; readonly end: number }): string {
  return end <= position + 1 ? `byte ${position}` : `bytes ${position} to ${end - 1}`
}

/** `offset 7`, `offsets 7 to 9`, or `from offset 7 on` if the end is not known. */
export function offsetText(offset: number, nextOffset: number | undefined): string {
  if (nextOffset === undefined) return `from offset ${offset} on`
  return nextOffset <= offset + 1 ? `offset ${offset}` : `offsets ${offset} to ${nextOffset - 1}`
}
