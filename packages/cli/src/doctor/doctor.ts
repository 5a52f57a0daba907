import { resolve } from 'node:path'
import { RefusedError } from '@millrace/core'
import { Command } from 'commander'
import { type DataOptions, dataOption, jsonOption } from '../data-option.ts'
import { counted } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { Progress } from '../terminal/progress.ts'
import { portNumber } from '../values.ts'
import { examine } from './examine.ts'
import type { Finding } from './finding.ts'
import { printGroup, summary } from './report.ts'

interface DoctorOptions extends DataOptions {
  readonly full?: boolean
  readonly port?: number
  readonly json?: boolean
}

export function doctorCommand(io: Io): Command {
  return new Command('doctor')
    .description('Checks this machine and a data directory, and shows what to do about what is wrong. Changes nothing.')
    .option('--full', 'read every byte of the log and of the local states')
    .option('--port <port>', 'also check whether this port is free', portNumber)
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Each check is one line. "ok" needs nothing, even if there is something that Millrace cleans up by itself. A "warning" works, and may
go wrong. A "problem" does not work, or is lost. What to do is below each warning and problem. Jobs may continue. The exit code is 6 if
there is a problem. To try what the disk can do, the command makes a directory in the data directory for a moment.

Examples:
  $ millrace doctor
  $ millrace doctor --data /var/lib/millrace --port 4711
  $ millrace doctor --full
  $ millrace doctor --json`,
    )
    .action((options: DoctorOptions) => doctor(io, options))
}

async function doctor(io: Io, { data, full = false, port, json = false }: DoctorOptions): Promise<void> {
  const findings: Finding[] = []
  const bar = new Progress(io, 'bytes read')
  const wanted = { data: resolve(data), full, ...(port !== undefined && { port }) }
  for await (const group of examine(wanted, (readBytes) => bar.update(readBytes, undefined))) {
    if (group.name === 'Log') bar.end()
    findings.push(...group.findings)
    printGroup(io, group, json)
  }
  io.stderr.write(`${summary(findings)}\n`)
  const problems = findings.filter(({ status }) => status === 'problem')
  if (problems.length === 0) return
  throw new RefusedError(
    'PROBLEMS_FOUND',
    `The doctor found ${counted(problems.length, 'problem')} with ${wanted.data} or this machine. Do what is below each problem, and ` +
      'run the command again',
    { file: wanted.data },
  )
}
