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
      'Copies the data directory to another one, as it is at one moment. Jobs and producers go on meanwhile.',
    )
    .argument('<dir>', 'an empty directory, or one that is not there yet')
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
Closed segments of topics get a second name (a hard link) instead of being copied, where the file system can do that. Local state
is not part of a backup: it is built again from the changelogs.

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
    : 'copied in full, as no hard links can be made there'
  io.stdout.write(
    `${printable(to)} holds ${counted(done.topics, 'topic')} with ${counted(done.partitions, 'partition')}, ${bytes(done.bytes)}, ${linked}\n`,
  )
  io.stderr.write(
    `Local state is not part of it. "millrace restore ${printable(target)} --data <dir>" makes a data directory of it\n`,
  )
}
