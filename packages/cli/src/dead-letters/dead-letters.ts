import { Command } from 'commander'
import type { Io } from '../terminal/io.ts'
import { listLettersCommand } from './list.ts'
import { resendCommand } from './resend.ts'

export function deadLettersCommand(io: Io): Command {
  return new Command('dead-letters')
    .description('Lists the dead letters of jobs, and sends their records again.')
    .helpCommand(false)
    .addHelpText(
      'after',
      `
Examples:
  $ millrace dead-letters list orders-failed
  $ millrace dead-letters resend orders-failed --dry-run
  $ millrace dead-letters resend orders-failed`,
    )
    .addCommand(listLettersCommand(io))
    .addCommand(resendCommand(io))
}
