import { catalogTopic, isMeant, ownValue } from '@millrace/core/internal'
import type { Catalog } from '../catalog/catalog.ts'
import { readCatalog } from '../catalog/catalog-topic.ts'
import type { ReadFrom } from '../catalog/read-partition.ts'

/** A job that has run on a log, and the names of the stores that it has. */
export interface KnownJob {
  readonly job: string
  readonly catalog: Catalog
  readonly stores: readonly string[]
}

/** The jobs that have run on a log, each version of one on its own, running now or not; or only those that a name means. */
export async function knownJobs(from: ReadFrom, name?: string): Promise<readonly KnownJob[]> {
  const topics = await from.log.admin.listTopics()
  // A catalog's name is the job's name with a suffix.
  const ending = catalogTopic('')
  const jobs = topics.flatMap((topic) => (topic.name.endsWith(ending) ? [topic.name.slice(0, -ending.length)] : []))
  const known: KnownJob[] = []
  for (const job of jobs) {
    if (name !== undefined && !isMeant(job, name)) continue
    const catalog = await readCatalog(from, catalogTopic(job))
    if (catalog === undefined) continue
    const stores = Object.keys(catalog.stores).filter((store) => ownValue(catalog.stores, store)?.removedAt === null)
    known.push({ job, catalog, stores })
  }
  return known
}
