import { resolve } from 'node:path'
import { describe } from '@millrace/core'
import { unusedOutputs } from '@millrace/core/internal'
import { Command, Option } from 'commander'
import type { Io } from '../terminal/io.ts'
import { printableLines } from '../terminal/printable.ts'
import { readJob } from './job-file.ts'

interface TopologyOptions {
  readonly format: 'text' | 'json' | 'mermaid'
  readonly json?: boolean
  readonly check: boolean
}

export function topologyCommand(io: Io): Command {
  return new Command('topology')
    .description('Shows the graph of a job: its topics, steps, stores and views. The job does not run.')
    .argument('<job.ts>', 'a module whose default export is a job')
    .addOption(
      new Option('--format <format>', 'how the graph is printed').choices(['text', 'json', 'mermaid']).default('text'),
    )
    .option('--json', 'the same as --format json')
    .option('--no-check', 'skip the type check')
    .addHelpText(
      'after',
      `
Examples:
  $ millrace topology job.ts
  $ millrace topology job.ts --format mermaid > job.mmd`,
    )
    .action(async (file: string, { format, json, check }: TopologyOptions) => {
      const job = await readJob(resolve(file), check)
      for (const message of unusedOutputs()) io.stderr.write(printableLines(`${message}\n`))
      const text =
        json === true || format === 'json' ? JSON.stringify(describe(job, 'json'), null, 2) : describe(job, format)
      const shown = printableLines(text)
      io.stdout.write(shown.endsWith('\n') ? shown : `${shown}\n`)
    })
}
