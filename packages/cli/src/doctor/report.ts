import { counted } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { jsonLine, printable } from '../terminal/printable.ts'
import type { Finding, Status } from './finding.ts'

/** The width of a line of advice: it stays readable on a narrow terminal. */
const COLUMNS = 100
const INDENT = ' '.repeat(13)

/** The findings of a group of checks. */
export interface Group {
  readonly name: string
  readonly findings: readonly Finding[]
}

/** Prints a group for a person; with `json` one object a line. */
export function printGroup(io: Io, { name, findings }: Group, json: boolean): void {
  if (findings.length === 0) return
  if (json) {
    for (const finding of findings) io.stdout.write(`${jsonLine(io, { group: name, ...finding })}\n`)
    return
  }
  io.stdout.write(`${io.colors.bold(name)}\n`)
  for (const finding of findings) io.stdout.write(`${findingLines(finding, io.colors).join('\n')}\n`)
}

/** One line for a finding that is fine; what to do follows on the next lines. */
export function findingLines({ status, check, what, advice }: Finding, colors: Io['colors']): string[] {
  const color: Record<Status, (text: string) => string> = {
    ok: colors.green,
    warning: colors.yellow,
    problem: colors.red,
  }
  const first = `  ${color[status](status.padEnd(9))}  ${printable(check)}: ${printable(what)}`
  return [first, ...(advice === undefined ? [] : wrapped(printable(advice)).map((line) => `${INDENT}${line}`))]
}

/** The last line: what was found in all. */
export function summary(findings: readonly Finding[]): string {
  const count = (status: Status) => findings.filter((finding) => finding.status === status).length
  const [problems, warnings] = [count('problem'), count('warning')]
  if (problems + warnings === 0) return `${counted(findings.length, 'check')}: all fine`
  return `${counted(findings.length, 'check')}: ${counted(problems, 'problem')}, ${counted(warnings, 'warning')}`
}

/** Text cut at spaces. A command between quotes stays on one line, so that it can be copied. */
function wrapped(text: string): string[] {
  const lines: string[] = []
  for (const word of text.match(/"[^"]*"\S*|\S+/g) ?? []) {
    const last = lines.at(-1)
    if (last === undefined || INDENT.length + last.length + 1 + word.length > COLUMNS) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}
