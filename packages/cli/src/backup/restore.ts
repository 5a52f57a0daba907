import { resolve } from 'node:path'
import { nodeEnv } from '@millrace/core/node'
import { Command } from 'commander'
import { type DataOptions, dataOption } from '../data-option.ts'
import { bytes, counted } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'

export function restoreCommand(io: Io): Command {
  return new Command('restore')
    .description('Checks every byte of a backup, and creates a data directory from it. The backup does not change.')
    .argument('<dir>', 'the directory of the backup')
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
The data directory must be empty, or not exist yet.

Example:
  $ millrace restore /backups/monday --data restored`,
    )
    .action(async (backup: string, options: DataOptions) => {
      const data = resolve(options.data)
      const { restore } = await import('@millrace/connectors/internal')
      const { files, bytes: size, createdMs } = await restore(nodeEnv(), resolve(backup), data)
      const when = new Date(createdMs).toISOString()
      io.stdout.write(
        `${printable(data)} is restored as it was at ${when}: ${counted(files, 'file')}, ${bytes(size)}, all checked\n`,
      )
    })
}
