import { Command } from 'commander'
import { type DataOptions, dataOption, jsonOption, withLog } from '../data-option.ts'
import { bytes } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'
import { printRows } from '../terminal/table.ts'
import { topicPartitions } from './topic-partitions.ts'

interface ListOptions extends DataOptions {
  readonly json?: boolean
}

export function listCommand(io: Io): Command {
  return new Command('list')
    .description('Lists the topics of a data directory.')
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
"offsets" is the number of offsets from the first to the last. An offset is a record, a marker that ends a transaction, or a gap
that compaction left.

Examples:
  $ millrace topics list
  $ millrace topics list --json | jq -r .topic`,
    )
    .action((options: ListOptions) =>
      withLog(options, 'refuse', async (log) => {
        const json = options.json === true
        const rows = []
        for (const topic of await log.admin.listTopics()) {
          const partitions = await topicPartitions(log, topic)
          const offsets = partitions.reduce((sum, { start, end }) => sum + end - start, 0)
          const size = await log.admin.sizeBytes(topic.name)
          rows.push({
            topic: topic.name,
            partitions: topic.partitions,
            offsets,
            ...(json ? { bytes: size } : { size: bytes(size) }),
            cleanup: topic.cleanup,
          })
        }
        if (rows.length === 0 && !json) {
          io.stderr.write(
            `${printable(log.location)} has no topics. Create one with "millrace topics create <topic>"\n`,
          )
        }
        printRows(io, rows, json)
      }),
    )
}
