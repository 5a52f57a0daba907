import { type Batch, json, NO_HEADERS, type RecordGroup, RefusedError } from '@millrace/core'
import type { Outputs } from '../task/outputs.ts'
import type { Catalog } from './catalog.ts'
import { type ReadFrom, readPartition } from './read-partition.ts'

const serde = json<unknown>()

/** A catalog, and the offset of its record. */
export interface CatalogRecord {
  readonly catalog: Catalog
  readonly offset: number
}

/** The offset before the first record of the topic. */
const NO_RECORD = -1

/**
 * The catalog as its topic has it now; undefined if the topic is empty. Throws `JOB_TOPIC_UNFIT` if the topic holds no
 * catalog.
 */
export async function readCatalog(from: ReadFrom, topic: string): Promise<Catalog | undefined> {
  return (await readCatalogRecord(from, topic))?.catalog
}

/** As `readCatalog`, with its offset. A record that was to replace another one than the one before it does not count. */
export async function readCatalogRecord(from: ReadFrom, topic: string): Promise<CatalogRecord | undefined> {
  let last: CatalogRecord | undefined
  let isForeign = false
  await readPartition(from, topic, 0, (batch) => {
    while (batch.next()) {
      const found = decoded(batch)
      isForeign = !isCatalog(found)
      if (!isCatalog(found)) continue
      const { replaces, ...catalog } = found
      if (replaces === undefined || replaces === (last?.offset ?? NO_RECORD)) last = { catalog, offset: batch.offset }
    }
  })
  if (!isForeign) return last
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
function isCatalog(found: unknown): found is Catalog & { readonly replaces?: number } {
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

/**
 * As `writeCatalog`, in the place of the catalog that was read. If another process has replaced that one first, the record does not
 * count: read the catalog again to find out.
 */
export async function replaceCatalog(
  outputs: Pick<Outputs, 'openGroup' | 'commit'>,
  topic: string,
  before: CatalogRecord | undefined,
  catalog: Catalog,
  nowMs: number,
): Promise<void> {
  const group = await outputs.openGroup(topic, 0)
  group.append(nowMs, null, 0, 0, { ...catalog, replaces: before?.offset ?? NO_RECORD }, serde, NO_HEADERS)
  await outputs.commit([group])
}

/** Adds a catalog to a group of its topic. */
export function appendCatalog(group: RecordGroup, catalog: Catalog, nowMs: number): void {
  group.append(nowMs, null, 0, 0, catalog, serde, NO_HEADERS)
}
