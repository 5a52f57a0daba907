import { Command } from 'commander'
import { importCommand } from '../import/import.ts'
import type { Io } from '../terminal/io.ts'
import { createCommand } from './create.ts'
import { deleteCommand } from './delete.ts'
import { describeCommand } from './describe.ts'
import { listCommand } from './list.ts'
import { produceCommand } from './produce.ts'
import { tailCommand } from './tail.ts'

export function topicsCommand(io: Io): Command {
  return new Command('topics')
    .description('Lists, creates, fills, reads and deletes topics.')
    .helpCommand(false)
    .addHelpText(
      'after',
      `
Examples:
  $ millrace topics list
  $ millrace topics create flights --partitions 4
  $ millrace topics tail flights --from start`,
    )
    .addCommand(listCommand(io))
    .addCommand(createCommand(io))
    .addCommand(describeCommand(io))
    .addCommand(deleteCommand(io))
    .addCommand(produceCommand(io))
    .addCommand(tailCommand(io))
    .addCommand(importCommand(io))
}
