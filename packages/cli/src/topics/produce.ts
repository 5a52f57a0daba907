import { bytes, NO_HEADERS, string } from '@millrace/core'
import { Command } from 'commander'
import { type DataOptions, dataOption, withLog } from '../data-option.ts'
import { badInput } from '../input-error.ts'
import { chunksOfLines } from '../lines.ts'

import { count } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { TopicAppender } from '../topic-appender.ts'
import { timeMs } from '../values.ts'
import { type LineRecord, recordOfLine } from './line-record.ts'
import { existingTopic } from './topic-partitions.ts'

const TEXT = string()
const BYTES = bytes()

interface ProduceOptions extends DataOptions {
  readonly key?: string
  readonly keyField?: string
  readonly timestamp?: number
  readonly timestampField?: string
  readonly records?: boolean
}

export function produceCommand(io: Io): Command {
  return new Command('produce')
    .description('Appends the lines of stdin to a topic, each as the value of a record.')
    .argument('<topic>', 'an existing topic')
    .option('--key <text>', 'the key of every record (default: no key)')
    .option('--key-field <field>', 'lines are JSON, and this field is the key')
    .option('--timestamp <time>', 'event time of every record: ms or an ISO date (default: now)', timeMs)
    .option('--timestamp-field <field>', 'lines are JSON, and this field is the event time')
    .option('--records', 'lines are {"key":…,"value":…,"timestamp":…,"headers":…}, as "tail --json" prints them')
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

async function produce(io: Io, name: string, options: ProduceOptions): Promise<void> {
  if (options.key !== undefined && options.keyField !== undefined) {
    throw badInput('--key and --key-field exclude each other: give one of them')
  }
  await withLog(options, async (log) => {
    const topic = await existingTopic(log, name)
    const appender = await TopicAppender.open(log, name, topic.partitions)
    const counts = { lines: 0, appended: 0 }
    for await (const lines of chunksOfLines(io.stdin)) {
      let bad: unknown
      try {
        appendLines(appender, lines, counts, options)
      } catch (error) {
        bad = error
      }
      // What stands before a bad line is in the topic, and the count says so.
      await appender.flush()
      if (bad === undefined) continue
      report(io, name, counts.appended)
      throw bad
    }
    report(io, name, counts.appended)
    await appender.close()
  })
}

function appendLines(
  appender: TopicAppender,
  lines: readonly string[],
  counts: { lines: number; appended: number },
  options: ProduceOptions,
): void {
  for (const text of lines) {
    counts.lines++
    if (text === '') continue
    appendRecord(appender, recordOfLine(text, counts.lines, options))
    counts.appended++
  }
}

function report(io: Io, topic: string, appended: number): void {
  io.stderr.write(`${count(appended)} ${appended === 1 ? 'record' : 'records'} appended to ${topic}\n`)
}

function appendRecord(appender: TopicAppender, { key, value, timestamp, headers }: LineRecord): void {
  const partition = appender.partitionOf(key)
  const at = timestamp ?? Date.now()
  if (value instanceof Uint8Array) appender.append(partition, at, key, value, BYTES, headers ?? NO_HEADERS)
  else appender.append(partition, at, key, value, TEXT, headers ?? NO_HEADERS)
}
