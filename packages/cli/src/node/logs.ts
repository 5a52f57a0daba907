import type { LogLevel, LogLine } from '@millrace/core'
import { Command, Option } from 'commander'
import { type DataOptions, dataOption, jsonOption } from '../data-option.ts'
import type { Io } from '../terminal/io.ts'
import { jsonLine, printable } from '../terminal/printable.ts'
import { wholeNumber } from '../values.ts'
import { findNode } from './find-node.ts'

interface LogsOptions extends DataOptions {
  readonly json?: boolean
  readonly follow?: boolean
  readonly lines?: number
  readonly container?: string
  readonly level: LogLevel
}

export function logsCommand(io: Io): Command {
  return new Command('logs')
    .description('Prints what the containers of a job have printed, and what the node did with them.')
    .argument('<job>', 'the name of the job')
    .option('-f, --follow', 'go on with later lines until Ctrl-C')
    .option('-n, --lines <number>', 'how many of the last lines (default: 100)', wholeNumber)
    .option('--container <name>', 'lines of this container only; "node" for what the node did')
    .addOption(
      new Option('--level <level>', 'lines of this level or above')
        .choices(['info', 'warning', 'error'])
        .default('info'),
    )
    .addOption(jsonOption())
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
What a job writes to stdout has the level info, and what it writes to stderr the level error.

Examples:
  $ millrace logs flight-delays -f
  $ millrace logs flight-delays --level warning --container node`,
    )
    .action(async (job: string, { data, json = false, follow = false, lines, container, level }: LogsOptions) => {
      const signal = io.stopSignal()
      const node = await findNode(data)
      const chosen = { ...(lines !== undefined && { lines }), ...(container !== undefined && { container }) }
      const options = { ...chosen, level, follow, signal }
      try {
        for await (const line of node.logs(job, options)) {
          io.stdout.write(`${json ? jsonLine(io, line) : text(io, line)}\n`)
        }
      } catch (error) {
        if (!signal.aborted) throw error
      }
    })
}

function text(io: Io, { atMs, container, level, text: printed }: LogLine): string {
  const { dim, red, yellow } = io.colors
  const color = level === 'error' ? red : level === 'warning' ? yellow : String
  return `${dim(`${new Date(atMs).toISOString()} ${printable(container)}`)} ${color(level)} ${printable(printed)}`
}
