import { resolve } from 'node:path'
import { nodeEnv } from '@millrace/core/node'
import { Command } from 'commander'
import { type DataOptions, dataArgument, dataOption, withLog } from '../data-option.ts'
import { badInput } from '../input-error.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'

interface ResetOptions extends DataOptions {
  readonly yes?: boolean
}

export function resetCommand(io: Io): Command {
  return new Command('reset')
    .description('Deletes what a job has computed, so that its next start computes everything again.')
    .argument('<job>', 'the name of the job')
    .option('--yes', 'delete; without this option, only print what would be deleted')
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
Deletes the job's own topics (changelog, catalog, repartition topics) and its local state. Its inputs and outputs stay: the next
start reads the inputs from their start, and appends the outputs again. The job must be stopped. A job with version 2 is named
<job>.version-2.

Examples:
  $ millrace reset flight-delays
  $ millrace reset flight-delays --yes`,
    )
    .action((job: string, options: ResetOptions) =>
      withLog(options, 'refuse', async (log) => {
        const all = { job, log, env: nodeEnv(), stateDirectory: resolve(options.data, 'state') }
        const yes = options.yes === true
        const { findTraces, resetJob } = await import('@millrace/runtime')
        const { topics, stateDirectory } = yes ? await resetJob(all) : await findTraces(all)
        const verb = yes ? 'Deleted' : 'Would delete'
        for (const topic of topics) io.stdout.write(`${verb} topic ${topic}\n`)
        io.stdout.write(`${verb} the local state in ${printable(stateDirectory)}\n`)
        if (yes) return
        throw badInput(`Nothing was deleted. To delete, run "millrace reset ${job} --yes${dataArgument(options.data)}"`)
      }),
    )
}
