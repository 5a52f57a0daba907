import { bytes, NO_HEADERS, string } from '@millrace/core'
import { Command } from 'commander'
import { type DataOptions, dataOption, withLog } from '../data-option.ts'
import { EventTimeField, timestampUnitOption } from '../event-time/event-time-field.ts'
import type { TimeUnit } from '../event-time/time-unit.ts'
import { badInput } from '../input-error.ts'
import { chunksOfLines } from '../lines.ts'
import { count } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { TopicAppender } from '../topic-appender.ts'
import { eventTimeMs } from '../values.ts'
import { allowExpiredOption, ExpiryCheck } from './expiry-check.ts'
import { retentionOutcome } from './kept-records.ts'
import { type LineOptions, type LineRecord, lineName, recordOfLine } from './line-record.ts'
import { existingTopic, topicPartitions } from './topic-partitions.ts'

const TEXT = string()
const BYTES = bytes()

interface ProduceOptions extends DataOptions {
  readonly key?: string
  readonly keyField?: string
  readonly timestamp?: number
  readonly timestampField?: string
  readonly timestampUnit?: TimeUnit
  readonly records?: boolean
  readonly allowExpired?: boolean
}

export function produceCommand(io: Io): Command {
  return new Command('produce')
    .description('Appends the lines of stdin to a topic, each as the value of a record.')
    .argument('<topic>', 'an existing topic')
    .option('--key <text>', 'the key of every record (default: no key)')
    .option('--key-field <field>', 'lines are JSON, and this field is the key')
    .option('--timestamp <time>', 'event time of every record: ms or an ISO date (default: now)', eventTimeMs)
    .option('--timestamp-field <field>', 'lines are JSON, and this field is the event time')
    .addOption(timestampUnitOption())
    .option('--records', 'lines are {"key":…,"value":…,"timestamp":…,"headers":…}, as "tail --json" prints them')
    .addOption(allowExpiredOption())
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
What was read so far is flushed whenever stdin pauses. Keys that are no strings are written as JSON.

Examples:
  $ echo '{"delay":12}' | millrace topics produce flights --key ATL
  $ millrace topics produce flights --key-field origin --timestamp-field date < flights.ndjson
  $ millrace topics tail a --from start --until-end --json | millrace topics produce b --records`,
    )
    .action((name: string, options: ProduceOptions) => produce(io, name, options))
}

/** How lines become records, and which of them are taken. */
interface ProducePlan extends LineOptions {
  readonly expiry: ExpiryCheck
}

async function produce(io: Io, name: string, options: ProduceOptions): Promise<void> {
  const { timestampField, timestampUnit } = options
  if (options.key !== undefined && options.keyField !== undefined) {
    throw badInput('--key and --key-field exclude each other: give one of them')
  }
  if (timestampUnit !== undefined && timestampField === undefined) {
    throw badInput('--timestamp-unit says what --timestamp-field counts: give both')
  }
  const time = timestampField === undefined ? undefined : new EventTimeField(timestampField, timestampUnit)
  const { bad, ...appended } = await withLog(options, async (log) => {
    const topic = await existingTopic(log, name)
    const before = await topicPartitions(log, topic)
    const expiry = new ExpiryCheck(topic, options.allowExpired === true)
    const appender = await TopicAppender.open(log, name, topic.partitions)
    const { appended, bad } = await appendAll(io, appender, { ...options, time, expiry })
    await appender.close()
    return { topic, before, records: appended, bad, expired: expiry.expired }
  })
  const { records } = appended
  const kept = await retentionOutcome(options, appended)
  const understood = time?.summary === undefined ? '' : `${time.summary}\n`
  io.stderr.write(`${count(records)} ${records === 1 ? 'record' : 'records'} appended to ${name}${kept}\n${understood}`)
  if (bad !== undefined) throw bad
}

/** Appends lines up to the end or the first bad one: what stands before it is in the topic. */
async function appendAll(
  io: Io,
  appender: TopicAppender,
  plan: ProducePlan,
): Promise<{ readonly appended: number; readonly bad: unknown }> {
  const counts = { lines: 0, appended: 0 }
  for await (const lines of chunksOfLines(io.stdin)) {
    let bad: unknown
    try {
      appendLines(appender, lines, counts, plan)
    } catch (error) {
      bad = error
    }
    await appender.flush()
    if (bad !== undefined) return { appended: counts.appended, bad }
  }
  return { appended: counts.appended, bad: undefined }
}

function appendLines(
  appender: TopicAppender,
  lines: readonly string[],
  counts: { lines: number; appended: number },
  plan: ProducePlan,
): void {
  for (const text of lines) {
    counts.lines++
    if (text === '') continue
    const record = recordOfLine(text, counts.lines, plan)
    const timestamp = record.timestamp ?? Date.now()
    plan.expiry.check(timestamp, lineName(counts.lines))
    appendRecord(appender, record, timestamp)
    counts.appended++
  }
}

function appendRecord(appender: TopicAppender, { key, value, headers }: LineRecord, timestamp: number): void {
  const partition = appender.partitionOf(key)
  if (value instanceof Uint8Array) appender.append(partition, timestamp, key, value, BYTES, headers ?? NO_HEADERS)
  else appender.append(partition, timestamp, key, value, TEXT, headers ?? NO_HEADERS)
}
