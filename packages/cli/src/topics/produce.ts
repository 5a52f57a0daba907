import { addAbortSignal } from 'node:stream'
import type { Log, TopicDescription } from '@millrace/core'
import { checkName } from '@millrace/core/internal'
import { Command } from 'commander'
import { type AppendReport, appendedText, errorAt } from '../append-report.ts'
import { type DataOptions, dataOption, withLog } from '../data-option.ts'
import { EventTimeField, timestampUnitOption } from '../event-time/event-time-field.ts'
import type { TimeUnit } from '../event-time/time-unit.ts'
import { checkStdin } from '../import/check-stdin.ts'
import { badUsage } from '../input-error.ts'
import { blocksOfLines, byteLines, textLines } from '../lines.ts'
import type { Io } from '../terminal/io.ts'
import { printableLines } from '../terminal/printable.ts'
import { eventTimeMs, positiveNumber } from '../values.ts'
import { allowExpiredOption, ExpiryCheck } from './expiry-check.ts'
import { retentionOutcome } from './kept-records.ts'
import { type LineOptions, lineName, readsJson, recordOfLine } from './line-record.ts'
import { LineWriter } from './line-writer.ts'
import { endInterrupted, isStop } from './stopped.ts'
import { existingTopic, topicPartitions } from './topic-partitions.ts'

interface ProduceOptions extends DataOptions {
  readonly key?: string
  readonly keyField?: string
  readonly timestamp?: number
  readonly timestampField?: string
  readonly timestampUnit?: TimeUnit
  readonly records?: boolean
  readonly create?: boolean
  readonly partitions?: number
  readonly allowExpired?: boolean
}

export function produceCommand(io: Io): Command {
  return new Command('produce')
    .description('Appends the lines of stdin to a topic, each as the value of a record.')
    .argument('<topic>', 'an existing topic, unless --create is given')
    .option('--key <text>', 'the key of every record (default: no key)')
    .option('--key-field <field>', 'the field of each JSON line that is the key')
    .option('--timestamp <time>', 'the event time of every record: ms or an ISO date (default: now)', eventTimeMs)
    .option('--timestamp-field <field>', 'the field of each JSON line that is the event time')
    .addOption(timestampUnitOption())
    .option('--records', 'lines are {"key":…,"value":…,"timestamp":…,"headers":…}, as "tail --json" prints them')
    .option('--create', 'create the topic if it does not exist')
    .option(
      '--partitions <count>',
      'the number of partitions of a topic that --create creates (default: 1)',
      positiveNumber,
    )
    .addOption(allowExpiredOption())
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
Each line, without its line break, is a value, byte by byte. Empty lines are skipped. When stdin pauses, what was read so far is
flushed. A key field that is not a string becomes its JSON, as in the line. With --records, "value" is JSON, which is written
unchanged ("text" with its quotes, 1.0 as 1.0), and null deletes. "valueText" is any other text. "valueBase64" and "keyBase64" are
bytes.

Examples:
  $ echo '{"delay":12}' | millrace topics produce flights --key ATL
  $ millrace topics produce flights --key-field origin --timestamp-field date < flights.ndjson
  $ millrace topics tail a --from start --until-end --json | millrace topics produce b --records`,
    )
    .action((name: string, options: ProduceOptions) => produce(io, name, options))
}

/** How lines become records, and which of the records are appended. */
interface ProducePlan extends LineOptions {
  readonly expiry: ExpiryCheck
}

async function produce(io: Io, name: string, options: ProduceOptions): Promise<void> {
  const { timestampField, timestampUnit } = options
  if (options.key !== undefined && options.keyField !== undefined) {
    throw badUsage('--key and --key-field exclude each other. Give one of them')
  }
  if (options.timestamp !== undefined && timestampField !== undefined) {
    throw badUsage('--timestamp and --timestamp-field exclude each other. Give one of them')
  }
  if (options.records === true) checkRecordOptions(options)
  if (timestampUnit !== undefined && timestampField === undefined) {
    throw badUsage('--timestamp-unit is the unit of --timestamp-field. Give both')
  }
  if (options.partitions !== undefined && options.create !== true) {
    throw badUsage('--partitions is for a topic that --create creates. Give both')
  }
  checkStdin(io.stdin)
  addAbortSignal(io.stopSignal(), io.stdin)
  const time = timestampField === undefined ? undefined : new EventTimeField(timestampField, timestampUnit)
  const outcome = await withLog(options, options.create === true ? 'make' : 'refuse', async (log) => {
    const topic =
      options.create === true ? await madeTopic(log, name, options.partitions) : await existingTopic(log, name)
    const before = await topicPartitions(log, topic)
    const expiry = new ExpiryCheck(topic, options.allowExpired === true)
    const writer = await LineWriter.open(log, name)
    const report = await appendAll(io, writer, { ...options, time, expiry })
    // After a failed write, closing the writer fails too. The failed write is the error to report.
    await writer.close().catch((cause) => {
      if (report.failure === undefined) throw cause
    })
    return { topic, before, report, records: report.flushed, expired: expiry.expired }
  })
  const { report } = outcome
  const kept = await retentionOutcome(options, outcome)
  const understood = time?.summary === undefined ? '' : `${time.summary}\n`
  const stopped = isStop(report.failure) ? 'Interrupted: ' : ''
  io.stderr.write(`${stopped}${appendedText(report)} appended to ${name}${kept}\n${printableLines(understood)}`)
  if (isStop(report.failure)) endInterrupted()
  else if (report.failure !== undefined) throw report.failure
}

/** Checks the options that `--records` excludes: each line states its key and its event time. */
function checkRecordOptions({ key, keyField, timestamp, timestampField }: ProduceOptions): void {
  const options = [
    ['--key', key],
    ['--key-field', keyField],
    ['--timestamp', timestamp],
    ['--timestamp-field', timestampField],
  ] as const
  const given = options.find(([, value]) => value !== undefined)
  if (given === undefined) return
  throw badUsage(`--records takes keys and event times from the lines, so ${given[0]} has no effect. Leave it out`)
}

async function madeTopic(log: Log, name: string, partitions = 1): Promise<TopicDescription> {
  checkName('topic', name)
  return (await log.admin.describeTopic(name)) ?? (await log.admin.createTopic(name, { partitions }))
}

/** Appends lines up to the end or the first line that fails. The lines before it are in the topic. */
async function appendAll(io: Io, writer: LineWriter, plan: ProducePlan): Promise<AppendReport> {
  const counts = { lines: 0, appended: 0 }
  let flushed = 0
  let failure: unknown
  try {
    for await (const block of blocksOfLines(io.stdin, () => lineName(counts.lines + 1))) {
      try {
        appendLines(writer, readsJson(plan) ? textLines(block) : byteLines(block), counts, plan)
      } catch (error) {
        failure = error
      }
      await writer.flush()
      flushed = counts.appended
      if (failure !== undefined) break
    }
  } catch (error) {
    failure = error
  }
  return { flushed, appended: counts.appended, failure }
}

function appendLines(
  writer: LineWriter,
  lines: readonly (string | Buffer)[],
  counts: { lines: number; appended: number },
  plan: ProducePlan,
): void {
  for (const line of lines) {
    counts.lines++
    if (line.length === 0) continue
    const record = recordOfLine(line, counts.lines, plan)
    const timestamp = record.timestamp ?? Date.now()
    plan.expiry.check(timestamp, lineName(counts.lines))
    try {
      writer.send(record, timestamp)
    } catch (error) {
      throw errorAt(error, lineName(counts.lines))
    }
    plan.time?.taken(timestamp)
    counts.appended++
  }
}
