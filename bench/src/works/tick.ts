import { openFileLog } from '@millrace/connectors/file'
import { int64, NO_HEADERS } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { count, text, type Work } from '../child/work.ts'

const MICROSECONDS = int64()

/** Appends one record now and then. Its value is the machine's monotonic time, in microseconds, just before the append. */
const work: Work = {
  async prepare(options) {
    const records = count(options, 'records')
    const pauseMs = count(options, 'pauseMs')
    const log = await openFileLog({ directory: text(options, 'data'), env: nodeEnv() })
    const writer = log.openWriter()
    const topic = await writer.openPartition('ticks', 0)
    return {
      async run() {
        for (let record = 0; record < records; record++) {
          await new Promise((resolve) => setTimeout(resolve, pauseMs))
          topic.append(record, null, 0, 0, Number(process.hrtime.bigint() / 1000n), MICROSECONDS, NO_HEADERS)
          await writer.flush()
        }
        return records
      },
      close: () => log.close(),
    }
  },
}

export default work
