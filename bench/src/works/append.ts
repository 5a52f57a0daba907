import { openFileLog } from '@millrace/connectors/file'
import { bytes, NO_HEADERS } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { count, text, type Work } from '../child/work.ts'
import { SYNC_BYTES } from '../file-log/sizes.ts'

const KEY = Buffer.from('12345678')
const VALUE = bytes()

/** Appends records of one size to the file log. */
const work: Work = {
  async prepare(options) {
    const valueBytes = count(options, 'valueBytes')
    const records = count(options, 'records')
    const log = await openFileLog({ directory: text(options, 'data'), env: nodeEnv() })
    const writer = log.openWriter()
    const topic = await writer.openPartition('records', 0)
    const value = Buffer.alloc(valueBytes, 'millrace')
    const recordsPerSync = Math.floor(SYNC_BYTES / valueBytes)
    const timestamp = Date.now()
    return {
      async run() {
        for (let record = 1; record <= records; record++) {
          topic.append(timestamp, KEY, 0, KEY.length, value, VALUE, NO_HEADERS)
          if (record % recordsPerSync === 0 || writer.backlogged) await writer.flush()
        }
        await writer.flush()
        return records
      },
      close: () => log.close(),
    }
  },
}

export default work
