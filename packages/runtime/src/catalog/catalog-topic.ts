import { type Batch, json, NO_HEADERS, type RecordGroup, RefusedError } from '@millrace/core'
import type { Outputs } from '../task/outputs.ts'
import type { Catalog } from './catalog.ts'
import { type ReadFrom, readPartition } from './read-partition.ts'

const serde = json<unknown>()

/**
 * The catalog as its topic has it now; undefined if the topic is empty. Throws `JOB_TOPIC_UNFIT` if the topic holds no
 * catalog.
 */
export async function readCatalog(from: ReadFrom, topic: string): Promise<Catalog | undefined> {
  let last: unknown
  await readPartition(from, topic, 0, (batch) => {
    while (batch.next()) {
      last = decoded(batch)
    }
  })
  if (last === undefined || isCatalog(last)) return last
  throw new RefusedError(
    'JOB_TOPIC_UNFIT',
    `Topic ${topic} holds a record that is not a catalog. The topic is the job's own, and nothing else may append to it. Restore it from ` +
      'a backup, or run the job under another name',
    { topic },
  )
}

/** Null for text that is not JSON. */
function decoded({ bytes, valueStart, valueEnd }: Batch): unknown {
  try {
    return valueStart < 0 ? null : serde.decode(bytes, valueStart, valueEnd)
  } catch {
    return null
  }
}

/** Checks a value that others may have written, down to the catalog's parts; the content of the parts is trusted. */
function isCatalog(found: unknown): found is Catalog {
  if (typeof found !== 'object' || found === null) return false
  const { changelog, stores, repartitions } = found as Partial<Record<keyof Catalog, unknown>>
  return (
    typeof changelog === 'string' && [stores, repartitions].every((part) => typeof part === 'object' && part !== null)
  )
}

/** Appends a catalog as one record, through the container's own writer, so that a fenced container writes nothing. */
export async function writeCatalog(
  outputs: Pick<Outputs, 'openGroup' | 'commit'>,
  topic: string,
  catalog: Catalog,
  nowMs: number,
): Promise<void> {
  const group = await outputs.openGroup(topic, 0)
  appendCatalog(group, catalog, nowMs)
  await outputs.commit([group])
}

/** Adds a catalog to a group of its topic. */
export function appendCatalog(group: RecordGroup, catalog: Catalog, nowMs: number): void {
  group.append(nowMs, null, 0, 0, catalog, serde, NO_HEADERS)
}
