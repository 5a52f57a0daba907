import { resolve } from 'node:path'
import { nodeEnv } from '@millrace/core/node'
import { Command } from 'commander'
import { type DataOptions, dataOption } from '../data-option.ts'
import { bytes, counted } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'

export function backupCommand(io: Io): Command {
  return new Command('backup')
    .description(
      'Copies the data directory, as it is at one moment, to another directory. Jobs and producers continue.',
    )
    .argument('<dir>', 'an empty directory, or one that does not exist yet')
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
If the file system supports hard links, closed segments of topics are linked instead of copied. Local state is not part of a
backup: it is rebuilt from the changelogs.

Example:
  $ millrace backup /backups/monday`,
    )
    .action((target: string, options: DataOptions) => backup(io, target, options))
}

async function backup(io: Io, target: string, options: DataOptions): Promise<void> {
  const data = resolve(options.data)
  const to = resolve(target)
  const { backUp } = await import('@millrace/connectors/internal')
  const done = await backUp(nodeEnv(), data, to)
  const linked = done.linkable
    ? `${bytes(done.linkedBytes)} of them linked`
    : 'all of them copied, because the file system has no hard links'
  io.stdout.write(
    `${printable(to)} holds ${counted(done.topics, 'topic')} with ${counted(done.partitions, 'partition')}, ${bytes(done.bytes)}, ${linked}\n`,
  )
  io.stderr.write(
    `Local state is not part of it. "millrace restore ${printable(target)} --data <dir>" creates a data directory from it\n`,
  )
}
