import { resolve } from 'node:path'
import type { RepairPlan, ReplacedMarker } from '@millrace/connectors/internal'
import { FatalError } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { Command } from 'commander'
import { type DataOptions, dataOption } from '../data-option.ts'
import type { Io } from '../terminal/io.ts'
import { printableLines } from '../terminal/printable.ts'
import { wholeNumber } from '../values.ts'
import { offsetText, problemLine } from './problem-line.ts'

interface RepairOptions extends DataOptions {
  readonly yes?: boolean
}

export function repairCommand(io: Io): Command {
  return new Command('repair')
    .description('Makes a damaged partition readable again. What cannot be read is lost.')
    .argument('<topic>', 'the name of the topic')
    .argument('<partition>', 'the number of the partition', wholeNumber)
    .option('--yes', 'repair; without this option, only print what would be done')
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
A repair loses the records of a damaged batch. Only a copy of the damaged file can restore them, so look for one first. The damaged
files are kept in <data>/damaged. All jobs and writers of the data directory must be stopped.

Examples:
  $ millrace log repair flights 0
  $ millrace log repair flights 0 --yes`,
    )
    .action((topic: string, partition: number, options: RepairOptions) => repair(io, topic, partition, options))
}

async function repair(io: Io, topic: string, partition: number, options: RepairOptions): Promise<void> {
  const data = resolve(options.data)
  const env = nodeEnv()
  const print = (text: string) => io.stdout.write(`${printableLines(text)}\n`)
  const { inspectPartition, repairPartition } = await import('@millrace/connectors/internal')
  const found = await inspectPartition(env, data, topic, partition)
  for (const problem of found.problems) print(problemLine(problem, io.colors))
  if (!found.needed) {
    print(`Partition ${topic}/${partition} needs no repair`)
    return
  }
  if (options.yes !== true) {
    for (const text of losses(found, 'Would lose')) print(text)
    throw notDone(found, topic, partition, data)
  }
  const { plan, kept, markers } = await repairPartition(env, data, topic, partition)
  for (const text of losses(plan, 'Lost')) print(text)
  for (const marker of markers) print(markerText(marker))
  for (const path of kept) print(`Kept as it was before: ${path}`)
  print(`Partition ${topic}/${partition} is repaired`)
}

function losses({ lost, impossible }: RepairPlan, verb: string): string[] {
  if (impossible.length > 0) return []
  if (lost.length === 0) return [`${verb} no records`]
  return lost.map(({ from, to }) => `${verb} ${offsetText(from, to)}, with all records there`)
}

function markerText({ id, epoch, firstOffset, outcome, known }: ReplacedMarker): string {
  const transaction = `The transaction of producer ${id}, epoch ${epoch}, which begins at offset ${firstOffset}, had lost its marker`
  if (known) return `${transaction}. It was ${outcome}, according to the rest of the log`
  return `${transaction}. It is unknown how it ended, so it counts as aborted, and its records here are lost`
}

function notDone({ impossible }: RepairPlan, topic: string, partition: number, data: string): FatalError {
  const [first] = impossible
  const message =
    first === undefined
      ? `Partition ${topic}/${partition} in ${data} needs a repair. Nothing was changed. To repair it, run "millrace log repair ${topic} ${partition} --yes --data ${data}"`
      : `Partition ${topic}/${partition} in ${data} is damaged, and no repair for that is known: ${first.what} (${first.file}, byte ${first.position}). Restore the file from a copy`
  return new FatalError('LOG_DAMAGED', message, { topic, partition })
}
