import type { Savepoint } from '@millrace/core'
import { formatPosition } from '@millrace/core'
import { Command } from 'commander'
import { type DataOptions, dataArgument, dataOption, jsonOption } from '../data-option.ts'
import { bytes } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { jsonLine, printable } from '../terminal/printable.ts'
import { printRows, type Row } from '../terminal/table.ts'
import { author, type WhyOptions, whyOption } from './author.ts'
import { changeOptions, printChanged } from './changes.ts'
import { findNode } from './find-node.ts'

interface SavepointOptions extends DataOptions, WhyOptions {
  readonly json?: boolean
}

export interface RestoreOptions extends SavepointOptions {
  readonly repeatOutputs?: boolean
}

interface SavepointsOptions extends SavepointOptions {
  readonly delete?: string
}

export function savepointCommand(io: Io): Command {
  return new Command('savepoint')
    .description(
      "Keeps a copy of a job's positions and state, as they are at one moment. The job may run or be stopped.",
    )
    .argument('<job>', 'the name of the job')
    .argument('[name]', 'the name of the savepoint; default: savepoint-1, savepoint-2 and so on')
    .addOption(whyOption())
    .addOption(jsonOption())
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
A savepoint shares its files with the present data, so it takes little room at first, and what the job has changed since then later.

Examples:
  $ millrace savepoint flight-delays
  $ millrace savepoint flight-delays before-the-sale --why "prices change tonight"`,
    )
    .action(async (job: string, name: string | undefined, options: SavepointOptions) => {
      const taken = await (await findNode(options.data)).savepoint(job, name, author(options))
      if (options.json === true) io.stdout.write(`${jsonLine(io, taken)}\n`)
      else printRows(io, [rowOf(taken)], false)
    })
}

export function restoreSavepointCommand(io: Io): Command {
  return new Command('restore-savepoint')
    .description('Sets a job back to a savepoint: its positions and its state. It continues from there.')
    .argument('<job>', 'the name of the job')
    .argument('<name>', 'the name of the savepoint')
    .option('--repeat-outputs', 'append again what was appended to the outputs since the savepoint')
    .addOption(whyOption())
    .addOption(jsonOption())
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
The job stops, and starts again if it ran. It then processes again what its inputs hold since the savepoint. What it had processed
before, it does not append again to topics that are not its own; --repeat-outputs does. The savepoint stays.

Example:
  $ millrace restore-savepoint flight-delays before-the-sale --why "the prices were wrong"`,
    )
    .action(async (job: string, name: string, options: RestoreOptions) => {
      const node = await findNode(options.data)
      const { repeatOutputs = false } = options
      printChanged(
        io,
        await node.restoreSavepoint(job, name, { ...changeOptions(io, options), repeatOutputs }),
        options,
      )
    })
}

export function savepointsCommand(io: Io): Command {
  return new Command('savepoints')
    .description('Lists the savepoints of a job: when, where in its inputs, and the room that only each of them takes.')
    .argument('<job>', 'the name of the job')
    .option('--delete <name>', 'delete a savepoint instead')
    .addOption(whyOption())
    .addOption(jsonOption())
    .addOption(dataOption())
    .action(async (job: string, options: SavepointsOptions) => {
      const node = await findNode(options.data)
      if (options.delete !== undefined) {
        await node.deleteSavepoint(job, options.delete, author(options))
        io.stderr.write(`Savepoint ${printable(options.delete)} of job ${printable(job)} is deleted\n`)
        return
      }
      const savepoints = await node.savepoints(job)
      if (options.json === true) for (const each of savepoints) io.stdout.write(`${jsonLine(io, each)}\n`)
      else if (savepoints.length > 0) printRows(io, savepoints.map(rowOf), false)
      else
        io.stderr.write(
          `Job ${printable(job)} has no savepoints. Take one: millrace savepoint ${printable(job)}${dataArgument(options.data)}\n`,
        )
    })
}

function rowOf({ name, createdMs, position, ownBytes }: Savepoint): Row {
  return { name, time: new Date(createdMs).toISOString(), size: bytes(ownBytes), position: formatPosition(position) }
}
