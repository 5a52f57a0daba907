import { monitorEventLoopDelay } from 'node:perf_hooks'
import { openFileLog } from '@millrace/connectors/file'
import { nodeEnv } from '@millrace/core/node'
import { text, type Work } from '../child/work.ts'

/** Compacts the topic `keys`. Also reports the longest time for which the event loop was blocked, in ms. */
const work: Work = {
  async prepare(options) {
    const log = await openFileLog({ directory: text(options, 'data'), env: nodeEnv() })
    const delay = monitorEventLoopDelay({ resolution: 1 })
    return {
      async run() {
        delay.enable()
        await log.admin.clean('keys')
        delay.disable()
        return 0
      },
      found: () => [delay.max / 1e6],
      close: () => log.close(),
    }
  },
}

export default work
