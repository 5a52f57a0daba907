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
    .description('Makes a topic.')
    .argument('<topic>', 'its name')
    .option('--partitions <count>', 'how many partitions; it cannot be changed later', positiveNumber, 1)
    .addOption(
      new Option(
        '--cleanup <policy>',
        'delete: old segments go by retention; compact: the latest record of a key stays',
      )
        .choices(['delete', 'compact'])
        .default('delete'),
    )
    .option('--retention <time>', 'delete records that are older, such as 7d (default: keep)', durationMs)
    .option('--retention-bytes <size>', 'delete the oldest segments of a larger partition (default: keep)', sizeBytes)
    .option('--segment-bytes <size>', 'begin a new segment at this size (default: 256m)', sizeBytes)
    .option('--record-bytes-max <size>', 'the largest record that is accepted (default: 1m)', sizeBytes)
    .option('--if-missing', 'a topic that is there already is fine')
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
          io.stdout.write(`Topic ${name} is there already\n`)
          return
        }
        const topic = await log.admin.createTopic(name, settingsOf(options))
        io.stdout.write(`Topic ${name} is made, with ${counted(topic.partitions, 'partition')}\n`)
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
    return set ? 'A compacted topic keeps the latest record of every key: its retention has no effect\n' : ''
  }
  if (retentionMs === null) return ''
  return (
    `Retention goes by the time of the records, not by when they are appended: history that is older than ` +
    `${durationText(retentionMs)} is deleted as soon as its segment is closed\n`
  )
}
