import { resolve } from 'node:path'
import type { TopicDescription } from '@millrace/core'
import { checkName } from '@millrace/core/internal'
import { Command } from 'commander'
import { type DataOptions, dataOption, withLog } from '../data-option.ts'
import { EventTimeField, timestampUnitOption } from '../event-time/event-time-field.ts'
import type { TimeUnit } from '../event-time/time-unit.ts'
import { bytes, count, rate } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { Progress } from '../terminal/progress.ts'
import { allowExpiredOption, ExpiryCheck } from '../topics/expiry-check.ts'
import { retentionOutcome } from '../topics/kept-records.ts'
import { topicPartitions } from '../topics/topic-partitions.ts'
import { positiveNumber } from '../values.ts'
import { importRows } from './import-rows.ts'
import { openRows } from './open-rows.ts'

interface ImportOptions extends DataOptions {
  readonly key: string
  readonly timestamp: string
  readonly timestampUnit?: TimeUnit
  readonly partitions?: number
  readonly limit?: number
  readonly resume?: boolean
  readonly allowExpired?: boolean
}

export function importCommand(io: Io): Command {
  return new Command('import')
    .description('Appends the rows of a file to a topic, as JSON.')
    .argument('<topic>', 'made if it is not there')
    .argument('<file>', '.parquet, .ndjson, .jsonl or .csv')
    .requiredOption('--key <column>', 'the column that is the key')
    .requiredOption('--timestamp <column>', 'the column that is the event time: a date, or a number')
    .addOption(timestampUnitOption())
    .option('--partitions <count>', 'how many partitions a topic that is made gets (default: 1)', positiveNumber)
    .option('--limit <rows>', 'the first so many rows only', positiveNumber)
    .option('--resume', 'go on where an import of this file into this topic ended; nothing is imported twice')
    .addOption(allowExpiredOption())
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
Rows keep their order within a partition; a key's partition is the one that Kafka's default partitioner gives it. --resume
needs a topic that nothing but this import was written to; another topic is refused. Event times that look like seconds,
microseconds, nanoseconds or years are refused unless --timestamp-unit states what they are.

Examples:
  $ millrace topics import flights flights.parquet --key origin --timestamp date --partitions 4
  $ millrace topics import orders orders.csv --key customer --timestamp placed --resume`,
    )
    .action((name: string, file: string, options: ImportOptions) => {
      checkName('topic', name)
      return importFile(io, name, resolve(file), options)
    })
}

async function importFile(io: Io, name: string, file: string, options: ImportOptions): Promise<void> {
  const source = await openRows(file, options.limit ?? Number.POSITIVE_INFINITY)
  const time = new EventTimeField(options.timestamp, options.timestampUnit)
  const { skipped, perSecond, ...appended } = await withLog(options, async (log) => {
    // Two that go on at the same place would both append the same rows.
    const claim = options.resume === true ? await log.claim(`${name}.import`) : undefined
    const topic: TopicDescription =
      (await log.admin.describeTopic(name)) ??
      (await log.admin.createTopic(name, { partitions: options.partitions ?? 1 }))
    const before = await topicPartitions(log, topic)
    const expiry = new ExpiryCheck(topic, options.allowExpired === true)
    const progress = new Progress(io, source.unit)
    const { imported, skipped } = await importRows(log, topic, source, {
      file,
      key: options.key,
      timestamp: options.timestamp,
      time,
      expiry,
      resume: options.resume === true,
      progress: () => progress.update(source.done(), source.total),
    })
    const perSecond = progress.end()
    await claim?.release()
    return { topic, before, records: imported, expired: expiry.expired, skipped, perSecond }
  })
  const kept = await retentionOutcome(options, appended)
  const already = skipped > 0 ? `; ${count(skipped)} were there already` : ''
  const speed = source.unit === 'rows' ? rate(perSecond) : `${bytes(Math.round(perSecond))}/s`
  io.stdout.write(`${count(appended.records)} records imported into ${name}${already}${kept} (${speed})\n`)
  if (time.summary !== undefined) io.stdout.write(`${time.summary}\n`)
}
