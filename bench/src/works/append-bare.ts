import { closeSync, fdatasync, openSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { crc32c } from '@node-rs/crc32'
import { text, type Work } from '../child/work.ts'
import { readSegments } from '../file-log/segments.ts'
import { SYNC_BYTES } from '../file-log/sizes.ts'
import { ATTRIBUTES_AT, COUNT_AT, CRC_AT } from '../hand-written/record-batch.ts'

const fdatasyncAsync = promisify(fdatasync)

/** Writes the batches that a topic holds to a separate file: the same bytes, made before; with or without checksums. */
const work: Work = {
  async prepare(options) {
    const batches = readSegments(text(options, 'source'))
    const withChecksums = options['checksums'] === true
    const file = openSync(`${text(options, 'data')}/bare-${process.pid}`, 'wx')
    return {
      async run() {
        let records = 0
        let unsynced = 0
        for (const batch of batches) {
          if (withChecksums) batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CRC_AT)
          if (writeSync(file, batch) < batch.length) throw new Error('The disk is full')
          records += batch.readInt32BE(COUNT_AT)
          unsynced += batch.length
          if (unsynced < SYNC_BYTES) continue
          await fdatasyncAsync(file)
          unsynced = 0
        }
        await fdatasyncAsync(file)
        return records
      },
      close: async () => closeSync(file),
    }
  },
}

export default work
