import { Command } from 'commander'
import { type DataOptions, dataOption, jsonOption, withLog } from '../data-option.ts'
import { bytes } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { printRows } from '../terminal/table.ts'
import { existingTopic, topicPartitions } from './topic-partitions.ts'

interface DescribeOptions extends DataOptions {
  readonly json?: boolean
}

export function describeCommand(io: Io): Command {
  return new Command('describe')
    .description('Shows the settings of a topic and the offsets of its partitions.')
    .argument('<topic>', 'the name of the topic')
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ millrace topics describe flights
  $ millrace topics describe flights --json`,
    )
    .action((name: string, options: DescribeOptions) =>
      withLog(options, 'refuse', async (log) => {
        const topic = await existingTopic(log, name)
        const offsets = await topicPartitions(log, topic)
        const rows = offsets.map(({ start, end }, partition) => ({ partition, start, end, offsets: end - start }))
        if (options.json === true) {
          printRows(
            io,
            rows.map((row) => ({ topic: name, ...row })),
            true,
          )
          return
        }
        const { dim } = io.colors
        const setting = (label: string, value: string) => io.stdout.write(`${dim(label.padEnd(16))}${value}\n`)
        setting('topic', name)
        setting('cleanup', topic.cleanup)
        setting('retention', topic.retentionMs === null ? 'kept' : `${topic.retentionMs / 1000} s`)
        setting('retention size', topic.retentionBytes === null ? 'any' : `${bytes(topic.retentionBytes)} a partition`)
        setting('segments', bytes(topic.segmentBytes))
        setting('largest record', bytes(topic.recordBytesMax))
        setting('size', bytes(await log.admin.sizeBytes(name)))
        io.stdout.write('\n')
        printRows(io, rows, false)
      }),
    )
}
