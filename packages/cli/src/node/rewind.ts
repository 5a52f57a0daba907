import { Command } from 'commander'
import { dataOption, jsonOption } from '../data-option.ts'
import type { Io } from '../terminal/io.ts'
import { whyOption } from './author.ts'
import { changeOptions, printChanged } from './changes.ts'
import { findNode } from './find-node.ts'
import type { RestoreOptions } from './savepoints.ts'

interface RewindCommandOptions extends RestoreOptions {
  readonly to: string
  readonly keepState?: boolean
  readonly skip?: boolean
  readonly dryRun?: boolean
}

export function rewindCommand(io: Io): Command {
  return new Command('rewind')
    .description('Sets a job back to a place in its inputs, from which it processes everything again.')
    .argument('<job>', 'the name of the job')
    .requiredOption('--to <place>', 'where to: start, a date, or a position such as orders/0=1200,orders/1=900')
    .option('--keep-state', 'keep the present state: counts and sums then have twice what is processed again')
    .option('--skip', 'allow a place ahead of the job: it never processes the records before it')
    .option('--repeat-outputs', 'append again what was appended to the outputs')
    .option('--dry-run', 'print what it would do, and change nothing')
    .addOption(whyOption())
    .addOption(jsonOption())
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
The job stops, and starts again if it ran. What it had processed before, it does not append again to topics that are not its own;
--repeat-outputs does. A date means, in each partition, the first record with this timestamp or a later one. Partitions that a position
does not list stay where they are. If the place is not the start, the views report from which position they count. Take a savepoint first
if you may want to go back.

Examples:
  $ millrace rewind flight-delays --to start --why "delays were counted twice"
  $ millrace rewind flight-delays --to 2026-01-31T08:00 --dry-run
  $ millrace rewind flight-delays --to flights/0=1200 --keep-state --skip --why "these records cannot be read"`,
    )
    .action(async (job: string, { to, keepState, skip, repeatOutputs, dryRun, ...options }: RewindCommandOptions) => {
      const node = await findNode(options.data)
      const how = {
        to,
        keepState: keepState === true,
        skip: skip === true,
        repeatOutputs: repeatOutputs === true,
        dryRun: dryRun === true,
      }
      printChanged(io, await node.rewind(job, { ...changeOptions(io, options), ...how }), options)
    })
}
