import { openFileLog } from '@millrace/connectors/file'
import { dumpPartition } from '@millrace/connectors/internal'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { DATA } from './audit.ts'
import { hold } from './invariants.ts'

/** Checks every batch in the log: after the marker of a transaction, its writer wrote no more of it. */
export async function auditProducers(process: SimulatedProcess): Promise<void> {
  const log = await openFileLog({ directory: DATA, env: process.env })
  const topics = await log.admin.listTopics()
  await log.close()
  for (const { name, partitions } of topics) {
    for (let partition = 0; partition < partitions; partition++) {
      const ended = new Set<string>()
      for await (const batch of dumpPartition(process.env, DATA, name, partition, 0)) {
        if (batch.kind !== 'batch') continue
        if (!batch.transactional) continue
        const writer = `${batch.producerId}:${batch.producerEpoch}`
        hold('one writer', !ended.has(writer), () => {
          const what = batch.control ? 'a second marker' : 'records behind its marker'
          return `producer ${writer} has ${what} in ${name}/${partition} at offset ${batch.baseOffset}`
        })
        if (batch.control) ended.add(writer)
      }
    }
  }
}
