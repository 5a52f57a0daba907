import type { Log, Topic } from '@millrace/core'
import { isKeyless } from '@millrace/core/internal'

/** A committed record. */
export interface FoundRecord<K, V> {
  readonly key: K
  /** Null deletes. */
  readonly value: V | null
  readonly time: number
  readonly partition: number
}

/** The committed records of a topic, partition by partition. */
export async function readRecords<K, V>(log: Log, { name, key, value }: Topic<K, V>): Promise<FoundRecord<K, V>[]> {
  const records: FoundRecord<K, V>[] = []
  const { partitions } = (await log.admin.describeTopic(name)) ?? { partitions: 0 }
  const reader = log.openReader()
  for (let partition = 0; partition < partitions; partition++) {
    const from = await reader.assign(name, partition, 0)
    for (let batch = from.poll(); batch !== undefined; batch = from.poll()) {
      while (batch.next()) {
        const { bytes, keyStart, keyEnd, valueStart, valueEnd, timestamp } = batch
        // The type of the keys of a topic without keys is null.
        const foundKey = isKeyless(key) ? (null as K) : key.decode(bytes, keyStart, keyEnd)
        const found = valueStart < 0 ? null : value.decode(bytes, valueStart, valueEnd)
        records.push({ key: foundKey, value: found, time: timestamp, partition })
      }
    }
  }
  await reader.close()
  return records
}
