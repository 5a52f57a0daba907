import { resolve } from 'node:path'
import { nodeEnv } from '@millrace/core/node'
import { Command } from 'commander'
import { type DataOptions, dataOption } from '../data-option.ts'
import { bytes, counted } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'

export function restoreCommand(io: Io): Command {
  return new Command('restore')
    .description(
      'Makes a data directory of a backup, once every byte of it has been checked. The backup stays as it is.',
    )
    .argument('<dir>', 'the backup')
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
The data directory must be empty, or not be there yet.

Example:
  $ millrace restore /backups/monday --data restored`,
    )
    .action(async (backup: string, options: DataOptions) => {
      const data = resolve(options.data)
      const { restore } = await import('@millrace/connectors/internal')
      const { files, bytes: size, createdMs } = await restore(nodeEnv(), resolve(backup), data)
      const when = new Date(createdMs).toISOString()
      io.stdout.write(
        `${printable(data)} is as it was at ${when}: ${counted(files, 'file')}, ${bytes(size)}, all as they were backed up\n`,
      )
    })
}
