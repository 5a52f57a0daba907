import { type Batch, type Log, type PartitionReader, RefusedError, type TopicDescription } from '@millrace/core'
import { amount } from '@millrace/core/internal'
import { Command } from 'commander'
import { type DataOptions, dataOption, jsonOption, withLog } from '../data-option.ts'
import type { Io } from '../terminal/io.ts'
import { LineOutput } from '../terminal/output.ts'
import { jsonText } from '../terminal/printable.ts'
import { positiveNumber, wholeNumber } from '../values.ts'
import { parseStart, type TailStart } from './tail-start.ts'
import { recordJson, recordLine } from './tailed-record.ts'
import { existingTopic } from './topic-partitions.ts'

/** The longest single wait for records. An append ends the wait at once, and so does the signal. */
const WAIT_MS = 60_000

interface TailOptions extends DataOptions {
  readonly from?: TailStart
  readonly partition?: number
  readonly limit?: number
  readonly untilEnd?: boolean
  readonly json?: boolean
}

export function tailCommand(io: Io): Command {
  return new Command('tail')
    .description('Prints the records of a topic as they are appended, until Ctrl-C.')
    .argument('<topic>', 'the name of the topic')
    .option('--from <where>', 'where to begin: start, end, an offset, or an ISO date (default: end)', parseStart)
    .option('--partition <number>', 'only this partition', wholeNumber)
    .option('--limit <count>', 'stop after this many records', positiveNumber)
    .option('--until-end', 'print the present records, and stop')
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Keys and values are shown as text, and as base64 if they are not UTF-8. With --json, "value" has a value that is JSON, unchanged,
"valueText" has other text, and "valueBase64" has bytes that are not UTF-8. "produce --records" appends these lines as the same
records.

Examples:
  $ millrace topics tail flights
  $ millrace topics tail flights --from start --limit 5
  $ millrace topics tail flights --from 2001-01-31T08:00 --json | jq .value`,
    )
    .action((name: string, options: TailOptions) =>
      withLog(options, 'refuse', async (log) => {
        const topic = await existingTopic(log, name)
        await tail(io, log, topic, options)
      }),
    )
}

async function tail(io: Io, log: Log, topic: TopicDescription, options: TailOptions): Promise<void> {
  const signal = io.stopSignal()
  const reader = log.openReader()
  const output = new LineOutput(io.stdout)
  const ends = new Map<PartitionReader, number>()
  for (const partition of partitionsOf(topic, options.partition)) {
    const offset = await startOffset(log, topic.name, partition, options.from ?? { kind: 'end' })
    const { end } = await log.admin.offsets(topic.name, partition)
    ends.set(await reader.assign(topic.name, partition, offset), end)
  }
  let left = options.limit ?? Number.POSITIVE_INFINITY
  const print = async (batch: Batch, end: number): Promise<void> => {
    while (left > 0 && batch.next() && batch.offset < end) {
      left--
      await output.line(options.json === true ? jsonText(io, recordJson(batch)) : recordLine(batch, io.colors))
      if (signal.aborted) return
    }
  }
  while (left > 0 && !signal.aborted) {
    let read = false
    for (const [partition, end] of ends) {
      if (options.untilEnd === true && partition.position >= end) continue
      const batch = partition.poll()
      if (batch === undefined) continue
      read = true
      await print(batch, options.untilEnd === true ? end : Number.POSITIVE_INFINITY)
    }
    if (read) continue
    await output.flush()
    if (options.untilEnd === true && [...ends].every(([partition, end]) => partition.position >= end)) break
    await reader.wait(WAIT_MS, signal)
  }
  await output.flush()
  await reader.close()
}

function partitionsOf(topic: TopicDescription, wanted: number | undefined): number[] {
  if (wanted === undefined) return Array.from({ length: topic.partitions }, (_, partition) => partition)
  if (wanted < topic.partitions) return [wanted]
  throw new RefusedError(
    'PARTITION_MISSING',
    `Topic ${topic.name} has no partition ${wanted}. It has ${amount(topic.partitions, 'partition')}, counted from 0`,
    { topic: topic.name, partition: wanted },
  )
}

async function startOffset(log: Log, topic: string, partition: number, from: TailStart): Promise<number> {
  if (from.kind === 'time') return log.admin.offsetAt(topic, partition, from.timestamp)
  const { start, end } = await log.admin.offsets(topic, partition)
  if (from.kind === 'offset') return Math.min(end, Math.max(start, from.offset))
  return from.kind === 'start' ? start : end
}
