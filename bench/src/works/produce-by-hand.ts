import { openFileLog } from '@millrace/connectors/file'
import { ByteWriter, NO_HEADERS, type Topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { count, text, type Work } from '../child/work.ts'
import { flightRecords, flights, plain, plainRecords, type Sent } from '../producer/records.ts'

/** Appends records in a loop over the log's own writer, as an expert would write it for a topic with one partition. */
const work: Work = {
  async prepare(options) {
    const records = count(options, 'records')
    const log = await openFileLog({ directory: text(options, 'data'), env: nodeEnv() })
    async function append<V>({ name, key: keySerde, value: serde }: Topic<string, V>, made: readonly Sent<V>[]) {
      const writer = log.openWriter()
      const partition = await writer.openPartition(name, 0)
      const out = new ByteWriter()
      for (let index = 0; index < records; index++) {
        const record = made[index % made.length]
        if (record === undefined) break
        out.clear()
        keySerde.encode(record.key, out)
        partition.append(record.timestamp, out.buffer, 0, out.position, record.value, serde, NO_HEADERS)
        if (writer.backlogged) await writer.flush()
      }
      await writer.flush()
      await writer.close()
      return records
    }
    const close = () => log.close()
    if (text(options, 'produced') === 'plain') {
      const made = plainRecords()
      return { run: () => append(plain, made), close }
    }
    const made = await flightRecords()
    return { run: () => append(flights, made), close }
  },
}

export default work
