import { openFileLog } from '@millrace/connectors/file'
import { int64 } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { count, text, type Work } from '../child/work.ts'

const MICROSECONDS = int64()
const WAIT_MS_MAX = 1000

/** Sleeps until records come from another process, and measures how many microseconds each took to arrive. */
const work: Work = {
  async prepare(options) {
    const records = count(options, 'records')
    const log = await openFileLog({ directory: text(options, 'data'), env: nodeEnv() })
    const reader = log.openReader()
    const topic = await reader.assign(text(options, 'topic'), 0, 0)
    const latencies: number[] = []
    return {
      async run() {
        while (latencies.length < records) {
          await reader.wait(WAIT_MS_MAX)
          for (let batch = topic.poll(); batch !== undefined; batch = topic.poll()) {
            while (batch.next()) {
              const sent = MICROSECONDS.decode(batch.bytes, batch.valueStart, batch.valueEnd)
              latencies.push(Number(process.hrtime.bigint() / 1000n) - sent)
            }
          }
        }
        return records
      },
      found: () => latencies,
      close: () => log.close(),
    }
  },
}

export default work
