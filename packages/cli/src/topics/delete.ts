import { Command } from 'commander'
import { type DataOptions, dataOption, withLog } from '../data-option.ts'
import type { Io } from '../terminal/io.ts'

export function deleteCommand(io: Io): Command {
  return new Command('delete')
    .description('Deletes a topic with all of its records. Jobs that use it stop.')
    .argument('<topic>', 'the name of the topic')
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
Example:
  $ millrace topics delete flights`,
    )
    .action((name: string, options: DataOptions) =>
      withLog(options, 'refuse', async (log) => {
        await log.admin.deleteTopic(name)
        io.stdout.write(`Topic ${name} is deleted\n`)
      }),
    )
}
