import { openFileLog } from '@millrace/connectors/file'
import { openTopicWriter, type Topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { count, text, type Work } from '../child/work.ts'
import { flightRecords, flights, plain, plainRecords, type Sent } from '../producer/records.ts'

/** Sends records with a writer of their topic. Each record is an object that is made for the call, as in most programs. */
const work: Work = {
  async prepare(options) {
    const records = count(options, 'records')
    const log = await openFileLog({ directory: text(options, 'data'), env: nodeEnv() })
    async function send<V>(topic: Topic<string, V>, made: readonly Sent<V>[]) {
      const writer = await openTopicWriter(log, topic)
      for (let index = 0; index < records; index++) {
        const record = made[index % made.length]
        if (record === undefined) break
        const { key, value, timestamp } = record
        if (!writer.send({ key, value, timestamp })) await writer.flush()
      }
      await writer.close()
      return records
    }
    const close = () => log.close()
    if (text(options, 'produced') === 'plain') {
      const made = plainRecords()
      return { run: () => send(plain, made), close }
    }
    const made = await flightRecords()
    return { run: () => send(flights, made), close }
  },
}

export default work
