import type { TopicSettings } from '@millrace/core'
import { checkName, durationText } from '@millrace/core/internal'
import { Command, Option } from 'commander'
import { type DataOptions, dataOption, withLog } from '../data-option.ts'
import { counted } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { durationMs, positiveNumber, sizeBytes } from '../values.ts'

interface CreateOptions extends DataOptions {
  readonly partitions: number
  readonly cleanup: TopicSettings['cleanup']
  readonly retention?: number
  readonly retentionBytes?: number
  readonly segmentBytes?: number
  readonly recordBytesMax?: number
  readonly ifMissing?: boolean
}

export function createCommand(io: Io): Command {
  return new Command('create')
    .description('Creates a topic.')
    .argument('<topic>', 'the name of the topic')
    .option('--partitions <count>', 'the number of partitions; "millrace rescale" changes it later', positiveNumber, 1)
    .addOption(
      new Option(
        '--cleanup <policy>',
        'delete: retention deletes old segments; compact: the latest record of each key stays',
      )
        .choices(['delete', 'compact'])
        .default('delete'),
    )
    .option('--retention <time>', 'delete older records; a time such as 7d (default: keep all)', durationMs)
    .option(
      '--retention-bytes <size>',
      'delete the oldest segments of larger partitions (default: keep all)',
      sizeBytes,
    )
    .option('--segment-bytes <size>', 'begin a new segment at this size (default: 256m)', sizeBytes)
    .option('--record-bytes-max <size>', 'the largest record that is accepted (default: 1m)', sizeBytes)
    .option('--if-missing', 'do nothing if the topic already exists')
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
Examples:
  $ millrace topics create flights --partitions 4
  $ millrace topics create clicks --retention 7d
  $ millrace topics create airports --cleanup compact`,
    )
    .action((name: string, options: CreateOptions) => {
      checkName('topic', name)
      return withLog(options, 'make', async (log) => {
        if (options.ifMissing === true && (await log.admin.describeTopic(name)) !== undefined) {
          io.stdout.write(`Topic ${name} already exists\n`)
          return
        }
        const topic = await log.admin.createTopic(name, settingsOf(options))
        io.stdout.write(`Topic ${name} is created, with ${counted(topic.partitions, 'partition')}\n`)
        io.stderr.write(retentionNote(topic))
      })
    })
}

function settingsOf({ partitions, cleanup, ...limits }: CreateOptions): Partial<TopicSettings> {
  const { retention, retentionBytes, segmentBytes, recordBytesMax } = limits
  return {
    partitions,
    cleanup,
    ...(retention !== undefined && { retentionMs: retention }),
    ...(retentionBytes !== undefined && { retentionBytes }),
    ...(segmentBytes !== undefined && { segmentBytes }),
    ...(recordBytesMax !== undefined && { recordBytesMax }),
  }
}

/** What a user who sets a retention may not expect. */
function retentionNote({ cleanup, retentionMs, retentionBytes }: TopicSettings): string {
  if (cleanup === 'compact') {
    const set = retentionMs !== null || retentionBytes !== null
    return set ? 'A compacted topic keeps the latest record of every key, so its retention has no effect\n' : ''
  }
  if (retentionMs === null) return ''
  return (
    `Retention uses the event times of records, not when they are appended. Records older than ` +
    `${durationText(retentionMs)} are deleted as soon as their segment is closed\n`
  )
}
