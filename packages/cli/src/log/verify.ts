import { resolve } from 'node:path'
import type { LogProblem, Verified } from '@millrace/connectors/internal'
import { FatalError } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { Command } from 'commander'
import { type DataOptions, dataOption, jsonOption } from '../data-option.ts'
import { bytes, counted } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { jsonLine } from '../terminal/printable.ts'
import { wholeNumber } from '../values.ts'
import { problemLine } from './problem-line.ts'

interface VerifyOptions extends DataOptions {
  readonly json?: boolean
}

export function verifyCommand(io: Io): Command {
  return new Command('verify')
    .description('Reads everything in the log, and reports what is damaged. Changes nothing. Jobs may continue.')
    .argument('[topic]', 'only this topic')
    .argument('[partition]', 'only this partition', wholeNumber)
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Each problem is one line. Readers refuse "damage". The next append repairs what is "torn": the end of an interrupted append.
Nothing depends on what is "harmless". The exit code is 1 if there is damage.

Examples:
  $ millrace log verify
  $ millrace log verify flights
  $ millrace log verify flights 0 --json`,
    )
    .action((topic: string | undefined, partition: number | undefined, options: VerifyOptions) =>
      verify(io, topic, partition, options),
    )
}

async function verify(
  io: Io,
  topic: string | undefined,
  partition: number | undefined,
  options: VerifyOptions,
): Promise<void> {
  const data = resolve(options.data)
  const wanted = { ...(topic !== undefined && { topic }), ...(partition !== undefined && { partition }) }
  const total = { partitions: 0, batches: 0, bytes: 0, damage: 0, torn: 0, harmless: 0 }
  let first: LogProblem | undefined
  const { verifyLog } = await import('@millrace/connectors/internal')
  for await (const verified of verifyLog(nodeEnv(), data, wanted)) {
    if (verified.kind === 'partition') addTo(total, verified)
    for (const problem of verified.problems) {
      total[problem.severity]++
      if (problem.severity === 'damage') first ??= problem
      io.stdout.write(`${options.json === true ? jsonLine(io, jsonOf(problem)) : problemLine(problem, io.colors)}\n`)
    }
  }
  const { damage, torn, harmless } = total
  const read = `${counted(total.batches, 'batch', 'batches')} (${bytes(total.bytes)}) of ${counted(total.partitions, 'partition')}`
  io.stderr.write(`${read}: ${damage} damaged, ${torn} torn, ${harmless} harmless\n`)
  if (first !== undefined) throw damaged(data, first)
}

function addTo(
  total: { partitions: number; batches: number; bytes: number },
  { batches, bytes }: Extract<Verified, { kind: 'partition' }>,
): void {
  total.partitions++
  total.batches += batches
  total.bytes += bytes
}

function jsonOf({ severity, topic, partition, file, position, end, offset, nextOffset, what }: LogProblem): LogProblem {
  return {
    severity,
    ...(topic !== undefined && { topic }),
    ...(partition !== undefined && { partition }),
    file,
    position,
    end,
    ...(offset !== undefined && { offset }),
    ...(nextOffset !== undefined && { nextOffset }),
    what,
  }
}

function damaged(data: string, { topic, partition, offset, file }: LogProblem): FatalError {
  const inspect =
    offset === undefined
      ? ''
      : `. "millrace log dump ${topic} ${partition} --offset ${offset} --data ${data}" shows what is there`
  const remedy =
    'Restore the files from a backup' +
    (partition === undefined
      ? ''
      : `, or see what "millrace log repair ${topic} ${partition} --data ${data}" would lose`)
  return new FatalError('LOG_DAMAGED', `The log in ${data} is damaged, first in ${file}${inspect}. ${remedy}`, { file })
}
