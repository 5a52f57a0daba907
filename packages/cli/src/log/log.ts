import { Command } from 'commander'
import type { Io } from '../terminal/io.ts'
import { dumpCommand } from './dump.ts'
import { repairCommand } from './repair.ts'
import { verifyCommand } from './verify.ts'

export function logCommand(io: Io): Command {
  return new Command('log')
    .description('Shows and checks the files of the log, and repairs damaged ones.')
    .helpCommand(false)
    .addHelpText(
      'after',
      `
Examples:
  $ millrace log verify
  $ millrace log dump flights 0 --offset 1200
  $ millrace log repair flights 0`,
    )
    .addCommand(verifyCommand(io))
    .addCommand(dumpCommand(io))
    .addCommand(repairCommand(io))
}
