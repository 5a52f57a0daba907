import { resolve } from 'node:path'
import { addAbortSignal } from 'node:stream'
import type { Log, TopicDescription } from '@millrace/core'
import { checkName } from '@millrace/core/internal'
import { Command, InvalidArgumentError, Option } from 'commander'
import { appendedText } from '../append-report.ts'
import { type DataOptions, dataOption, withLog } from '../data-option.ts'
import { EventTimeField, timestampUnitOption } from '../event-time/event-time-field.ts'
import type { TimeUnit } from '../event-time/time-unit.ts'
import { badUsage } from '../input-error.ts'
import { count, rate } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { printableLines } from '../terminal/printable.ts'
import { Progress } from '../terminal/progress.ts'
import { allowExpiredOption, ExpiryCheck } from '../topics/expiry-check.ts'
import { retentionOutcome } from '../topics/kept-records.ts'
import { endInterrupted, isStop } from '../topics/stopped.ts'
import { topicPartitions } from '../topics/topic-partitions.ts'
import { eventTimeMs, positiveNumber } from '../values.ts'
import { BadRows, DeadLetters, ON_ERROR, type OnError } from './bad-rows.ts'
import { parseColumns } from './column-type.ts'
import { importRows } from './import-rows.ts'
import { FORMATS, type Format, formatOf, openRows, STDIN } from './open-rows.ts'
import type { ColumnType, RowPlan, RowSource } from './row-source.ts'

interface ImportOptions extends DataOptions {
  readonly key: string
  readonly timestamp?: string
  readonly timestampUnit?: TimeUnit
  readonly eventTime?: number | 'now'
  readonly format?: Format
  readonly columns?: ReadonlyMap<string, ColumnType>
  readonly delimiter?: string
  readonly encoding?: string
  readonly onError: OnError
  readonly deadLetters?: string
  readonly partitions?: number
  readonly limit?: number
  readonly resume?: boolean
  readonly allowExpired?: boolean
}

export function importCommand(io: Io): Command {
  return new Command('import')
    .description('Appends the rows of files to a topic, as JSON.')
    .argument('<topic>', 'the name of the topic; it is created if it does not exist')
    .argument('<file...>', '.parquet, .ndjson, .jsonl, .csv or .tsv, text also with .gz or .zst; - is stdin')
    .requiredOption('--key <column>', 'the column that is the key')
    .option('--timestamp <column>', 'the column that is the event time: a date, or a number')
    .addOption(timestampUnitOption())
    .option('--event-time <time>', 'the event time of every row, for files without one: an ISO date, or now', timeOrNow)
    .addOption(
      new Option('--format <kind>', 'the kind of the files, in place of what their names state').choices(FORMATS),
    )
    .option('--columns <types>', 'types of columns, such as amount:decimal,id:string', parseColumns)
    .option(
      '--delimiter <character>',
      'the character that divides the cells of a CSV file, or tab (default: a comma)',
      oneCharacter,
    )
    .option('--encoding <name>', 'the encoding of text files, such as latin1 (default: utf-8)', knownEncoding)
    .addOption(
      new Option('--on-error <policy>', 'what happens to a row that cannot be used').choices(ON_ERROR).default('fail'),
    )
    .option(
      '--dead-letters <topic>',
      'the topic for such rows with --on-error dead-letter (default: <topic>.dead-letters)',
    )
    .option('--partitions <count>', 'the number of partitions of a new topic (default: 1)', positiveNumber)
    .option('--limit <rows>', 'import only this many rows', positiveNumber)
    .option('--resume', 'continue where an import of these files into this topic ended; no row is imported twice')
    .addOption(allowExpiredOption())
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
Rows keep their order within a partition. Kafka's default partitioner chooses the partition of a key. --resume needs a topic to
which only this import has written. Event times that look like seconds, microseconds, nanoseconds or years are refused, unless
--timestamp-unit states their unit.

Lines of JSON keep their text. The first megabyte of a CSV file determines the types of its columns, which are printed: string,
number, decimal (a string with all digits) or boolean. A bad row ends the import, unless --on-error is given. The message names its
file, line and column, and the rows before it are in the topic.

Examples:
  $ millrace topics import flights flights.parquet --key origin --timestamp date --partitions 4
  $ millrace topics import orders orders-*.csv.gz --key customer --timestamp placed --resume
  $ millrace topics import prices prices.csv --key id --event-time now --columns amount:decimal,id:string --delimiter ';'
  $ curl -s https://example.com/log.ndjson | millrace topics import log - --format ndjson --key id --timestamp at`,
    )
    .action((name: string, files: string[], options: ImportOptions) => {
      checkName('topic', name)
      const paths = files.map((file) => (file === STDIN ? file : resolve(file)))
      return importFiles(io, name, paths, options)
    })
}

async function importFiles(io: Io, name: string, files: readonly string[], options: ImportOptions): Promise<void> {
  checkOptions(options, files)
  const deadTopic = deadLettersTopic(name, options)
  const formats = files.map((file) => options.format ?? formatOf(file))
  const printNote = (text: string) => io.stderr.write(`${printableLines(text)}\n`)
  const plan: RowPlan = {
    key: options.key,
    timestamp: options.timestamp,
    columns: options.columns ?? new Map(),
    delimiter: options.delimiter,
    encoding: options.encoding,
    printNote,
  }
  const open = (index: number) => openRows(files[index] ?? STDIN, formats[index] ?? 'ndjson', io.stdin, plan)
  const first = await open(0)
  // A file that is missing, or is of another kind, is refused before anything is made or appended.
  for (let index = 1; index < files.length; index++) await open(index)
  const notes: (() => readonly string[])[] = []
  async function* sources(): AsyncGenerator<RowSource, void> {
    for (const index of files.keys()) {
      const source = index === 0 ? first : await open(index)
      notes.push(source.notes)
      yield source
    }
  }
  const signal = io.stopSignal()
  if (files.includes(STDIN)) addAbortSignal(signal, io.stdin)
  const time = timeOf(options)
  const label = files.length === 1 ? first.file : `${first.file} and ${files.length - 1} more`
  const startMs = performance.now()
  const outcome = await withLog(options, 'make', async (log) => {
    // Two imports that continue at the same place would both append the same rows.
    const claim = options.resume === true ? await log.claim(`${name}.import`) : undefined
    const found = await log.admin.describeTopic(name)
    const topic: TopicDescription =
      found ?? (await log.admin.createTopic(name, { partitions: options.partitions ?? 1 }))
    const before = await topicPartitions(log, topic)
    const expiry = new ExpiryCheck(topic, options.allowExpired === true)
    const deadLetters =
      deadTopic === undefined ? undefined : await DeadLetters.open(log, deadTopic, label, options.resume === true)
    const badRows = new BadRows(options.onError, printNote, deadLetters)
    const progress = new Progress(io, first.unit)
    const report = await importRows(log, topic, sources(), {
      files: label,
      key: options.key,
      time,
      expiry,
      resume: options.resume === true,
      rowsMax: options.limit ?? Number.POSITIVE_INFINITY,
      badRows,
      deadLetters,
      signal,
      progress: (source) => progress.update(source.done(), source.total),
    })
    progress.end()
    // The error to report is the failure of the import.
    if (report.failure !== undefined && found === undefined) await deleteEmpty(log, topic).catch(() => undefined)
    await claim?.release()
    return { topic, before, report, badRows, records: report.flushed, expired: expiry.expired }
  })
  const { report, badRows } = outcome
  const kept = await retentionOutcome(options, outcome)
  const already = report.skipped > 0 ? `; ${count(report.skipped)} already existed` : ''
  const speed = rate((report.flushed * 1000) / Math.max(1, performance.now() - startMs))
  const sums = `${appendedText(report)} imported into ${name}${already}${badRows.summary}${kept} (${speed})\n`
  const understood = time instanceof EventTimeField && time.summary !== undefined ? `${time.summary}\n` : ''
  for (const note of notes.flatMap((each) => each())) printNote(note)
  const stopped = isStop(report.failure) ? 'Interrupted: ' : ''
  const to = report.failure === undefined ? io.stdout : io.stderr
  to.write(`${stopped}${sums}${understood}`)
  if (isStop(report.failure)) endInterrupted()
  else if (report.failure !== undefined) throw report.failure
}

function checkOptions(options: ImportOptions, files: readonly string[]): void {
  const { timestamp, timestampUnit, eventTime } = options
  if (timestamp === undefined && eventTime === undefined) {
    throw badUsage(
      'Rows need an event time. Give --timestamp <column>, or --event-time <date or now> if the files have none',
    )
  }
  if (timestamp !== undefined && eventTime !== undefined) {
    throw badUsage('--timestamp and --event-time exclude each other. Give one of them')
  }
  if (timestampUnit !== undefined && timestamp === undefined) {
    throw badUsage('--timestamp-unit is the unit of --timestamp. Give both')
  }
  if (options.deadLetters !== undefined && options.onError !== 'dead-letter') {
    throw badUsage('--dead-letters is the topic of --on-error dead-letter. Give both')
  }
  if (files.filter((file) => file === STDIN).length > 1) throw badUsage('Stdin (-) can be read only once. Name it once')
}

/** If a failed import has made a topic and appended nothing to it, the topic is deleted. */
async function deleteEmpty(log: Log, topic: TopicDescription): Promise<void> {
  const partitions = await topicPartitions(log, topic)
  if (partitions.every(({ end }) => end === 0)) await log.admin.deleteTopic(topic.name)
}

function timeOf({ timestamp, timestampUnit, eventTime }: ImportOptions): EventTimeField | number | undefined {
  if (timestamp !== undefined) return new EventTimeField(timestamp, timestampUnit)
  return eventTime === 'now' ? undefined : eventTime
}

/** The topic of the dead letters; undefined under any other policy. */
function deadLettersTopic(topic: string, { onError, deadLetters }: ImportOptions): string | undefined {
  if (onError !== 'dead-letter') return undefined
  const name = deadLetters ?? `${topic}.dead-letters`
  checkName('topic', name)
  if (name === topic) throw badUsage('--dead-letters names the topic of the import. Name another topic')
  return name
}

function timeOrNow(text: string): number | 'now' {
  return text === 'now' ? text : eventTimeMs(text)
}

function oneCharacter(text: string): string {
  if (text === 'tab' || text === '\\t') return '\t'
  if (text.length === 1 && !'"\r\n'.includes(text)) return text
  throw new InvalidArgumentError('Give one character, or tab.')
}

/** A label of the WHATWG Encoding Standard. Undefined is UTF-8, whose lines are checked one by one. */
function knownEncoding(text: string): string | undefined {
  try {
    const { encoding } = new TextDecoder(text)
    return encoding === 'utf-8' ? undefined : encoding
  } catch {
    throw new InvalidArgumentError('Give the name of an encoding, such as latin1, utf-16le or shift_jis.')
  }
}
