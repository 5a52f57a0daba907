import { Command } from 'commander'
import { dataOption } from '../data-option.ts'
import { repeatable } from '../repeatable.ts'
import type { Io } from '../terminal/io.ts'
import { portNumber } from '../values.ts'
import type { VersionOptions } from './version-options.ts'

/** What "millrace dev" starts for each version of a job file. It is of no use to a person. */
export function versionCommand(io: Io): Command {
  return new Command('dev-version')
    .description('Runs one version of a job file: what "millrace dev" starts.')
    .argument('<job.ts>')
    .option('--no-check')
    .option('--port <port>', '', portNumber, 0)
    .addOption(repeatable('--allow-origin <origin>', ''))
    .addOption(repeatable('--accept-loss <store>', ''))
    .option('--quiet')
    .addOption(repeatable('--view <name>', ''))
    .addOption(repeatable('--topic <name>', ''))
    .addOption(dataOption())
    .action(async (file: string, options: VersionOptions) => {
      const { runVersion } = await import('./version-process.ts')
      await runVersion(io, file, options)
    })
}
