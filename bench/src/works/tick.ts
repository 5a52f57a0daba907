import { openFileLog } from '@millrace/connectors/file'
import { int64, openTopicWriter, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { count, text, type Work } from '../child/work.ts'

/** Microseconds. */
const ticks = topic('ticks', { value: int64() })

/** Appends one record now and then. Its value is the machine's monotonic time, in microseconds, just before the append. */
const work: Work = {
  async prepare(options) {
    const records = count(options, 'records')
    const pauseMs = count(options, 'pauseMs')
    const log = await openFileLog({ directory: text(options, 'data'), env: nodeEnv() })
    const writer = await openTopicWriter(log, ticks)
    return {
      async run() {
        for (let record = 0; record < records; record++) {
          await new Promise((resolve) => setTimeout(resolve, pauseMs))
          writer.send({ value: Number(process.hrtime.bigint() / 1000n), timestamp: record })
          await writer.flush()
        }
        return records
      },
      close: () => log.close(),
    }
  },
}

export default work
