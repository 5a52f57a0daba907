import { text, type Work } from '../child/work.ts'
import { forEachBatch } from '../file-log/segments.ts'
import { COUNT_AT } from '../hand-written/record-batch.ts'

/** Reads a topic's segments batch by batch without decoding the batches; with or without verifying checksums. */
const work: Work = {
  async prepare(options) {
    const source = text(options, 'source')
    const withChecksums = options['checksums'] === true
    return {
      async run() {
        let records = 0
        forEachBatch(source, withChecksums, (bytes, start) => {
          records += bytes.readInt32BE(start + COUNT_AT)
        })
        return records
      },
    }
  },
}

export default work
