import { json, type Log, NO_HEADERS } from '@millrace/core'
import type { Outputs } from '../container/outputs.ts'
import type { Catalog } from './catalog.ts'
import { readPartition } from './read-partition.ts'

const serde = json<Catalog>()

/** The catalog as its topic has it now; undefined where the topic is empty. */
export async function readCatalog(log: Log, topic: string): Promise<Catalog | undefined> {
  let catalog: Catalog | undefined
  await readPartition(log, topic, 0, (batch) => {
    while (batch.next()) {
      if (batch.valueStart >= 0) catalog = serde.decode(batch.bytes, batch.valueStart, batch.valueEnd)
    }
  })
  return catalog
}

/** Appends a catalog, as one fact: through the container's own writer, so that one that was fenced writes none. */
export async function writeCatalog(outputs: Outputs, topic: string, catalog: Catalog, nowMs: number): Promise<void> {
  const group = await outputs.openGroup(topic, 0)
  group.append(nowMs, null, 0, 0, catalog, serde, NO_HEADERS)
  await outputs.commit([group])
}
