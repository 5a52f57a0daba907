import { openFileLog } from '@millrace/connectors/file'
import { nodeEnv } from '@millrace/core/node'
import { text, type Work } from '../child/work.ts'

/** Reads every record of a topic of the file log, and decodes only the record itself. */
const work: Work = {
  async prepare(options) {
    const log = await openFileLog({ directory: text(options, 'data'), env: nodeEnv() })
    const topic = await log.openReader().assign('records', 0, 0)
    return {
      async run() {
        let records = 0
        for (let batch = topic.poll(); batch !== undefined; batch = topic.poll()) while (batch.next()) records++
        return records
      },
      close: () => log.close(),
    }
  },
}

export default work
