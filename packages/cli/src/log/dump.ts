import { resolve } from 'node:path'
import type { DumpedBatch, DumpedDamage } from '@millrace/connectors/internal'
import { nodeEnv } from '@millrace/core/node'
import { Command } from 'commander'
import { type DataOptions, dataOption, jsonOption } from '../data-option.ts'
import { bytes, counted } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { LineOutput } from '../terminal/output.ts'
import { jsonLine, jsonText, printable } from '../terminal/printable.ts'
import { headersLine, recordJson, recordLine } from '../topics/tailed-record.ts'
import { positiveNumber, wholeNumber } from '../values.ts'
import { byteText, offsetText } from './problem-line.ts'

interface DumpOptions extends DataOptions {
  readonly offset: number
  readonly limit?: number
  readonly records?: boolean
  readonly json?: boolean
}

export function dumpCommand(io: Io): Command {
  return new Command('dump')
    .description('Shows the batches of a partition as they are in its files, and continues after what is damaged.')
    .argument('<topic>', 'the name of the topic')
    .argument('<partition>', 'the number of the partition', wholeNumber)
    .option('--offset <n>', 'begin with the batch that has this offset', wholeNumber, 0)
    .option('--limit <count>', 'stop after this many batches, or records', positiveNumber)
    .option('--records', 'print a line for each record instead of each batch')
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
What is shown matches its checksum. A separate line reports what does not, where it is, and what is wrong. Records of transactions
that were aborted or are not decided are shown too.

Examples:
  $ millrace log dump flights 0
  $ millrace log dump flights 0 --offset 1200 --limit 3
  $ millrace log dump flights 0 --records --json`,
    )
    .action((topic: string, partition: number, options: DumpOptions) => dump(io, topic, partition, options))
}

async function dump(io: Io, topic: string, partition: number, options: DumpOptions): Promise<void> {
  const signal = io.stopSignal()
  const output = new LineOutput(io.stdout)
  let left = options.limit ?? Number.POSITIVE_INFINITY
  const { dumpPartition } = await import('@millrace/connectors/internal')
  for await (const each of dumpPartition(nodeEnv(), resolve(options.data), topic, partition, options.offset)) {
    if (each.kind !== 'batch') {
      await output.line(options.json === true ? jsonLine(io, { topic, partition, ...each }) : damageLine(each, io))
    } else if (options.records !== true) {
      await output.line(options.json === true ? jsonLine(io, batchJson(topic, partition, each)) : batchLine(each, io))
      left--
    } else if (!each.compressed) {
      while (left > 0 && !signal.aborted && each.cursor.next()) {
        await output.line(recordText(each, options, io))
        left--
      }
    }
    if (left <= 0 || signal.aborted) break
  }
  await output.flush()
}

function recordText({ cursor, control }: DumpedBatch, { json }: DumpOptions, io: Io): string {
  if (json === true) return jsonText(io, recordJson(cursor, control ? ',"control":true' : ''))
  const headers = headersLine(cursor)
  const { dim } = io.colors
  return `${recordLine(cursor, io.colors)}${headers === '' ? '' : dim(` (${printable(headers)})`)}${control ? dim(' (control)') : ''}`
}

function batchLine(batch: DumpedBatch, { colors: { dim } }: Io): string {
  const { baseOffset, nextOffset, position, records, baseTimestamp, maxTimestamp, producerId, producerEpoch } = batch
  const times = (batch.deleteHorizonMs === null ? [baseTimestamp, maxTimestamp] : [maxTimestamp]).map(timeText)
  const parts = [
    offsetText(baseOffset, nextOffset),
    `byte ${position}, ${bytes(batch.bytes)}`,
    counted(records, 'record'),
    ...(records === 0 ? [] : [times[0] === times[1] ? times[0] : times.join(' to ')]),
    ...horizonText(batch.deleteHorizonMs),
    ...(producerId < 0 ? [] : [`producer ${producerId}, epoch ${producerEpoch}`]),
    ...(batch.transactional ? ['transactional'] : []),
    ...(batch.control ? ['control'] : []),
    ...(batch.compressed ? ['compressed'] : []),
    dim('checksum right'),
  ]
  return parts.join('; ')
}

/** The text for the batch's delete horizon. */
function horizonText(horizonMs: number | null): string[] {
  if (horizonMs === null) return []
  return [horizonMs === 0 ? 'tombstones dropped' : `tombstones kept until ${timeText(horizonMs)}`]
}

function batchJson(topic: string, partition: number, batch: DumpedBatch): Record<string, unknown> {
  const { cursor: _, ...header } = batch
  return { topic, partition, ...header }
}

function damageLine(damaged: DumpedDamage, { colors: { red, yellow } }: Io): string {
  const { kind, file, offset, nextOffset, what } = damaged
  const text = `${kind}: ${offsetText(offset, nextOffset)}; ${file}, ${byteText(damaged)}: ${printable(what)}`
  return kind === 'torn' ? yellow(text) : red(text)
}

/** A damaged log may hold any number here. */
function timeText(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`
}
