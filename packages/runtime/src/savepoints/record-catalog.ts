import { catalogTopic } from '@millrace/core/internal'
import type { Catalog } from '../catalog/catalog.ts'
import { writeCatalog } from '../catalog/catalog-topic.ts'
import type { SavepointsOptions } from './savepoints.ts'

/** Makes this the catalog of a job that the caller has claimed. */
export async function recordCatalog({ job, log, env }: SavepointsOptions, catalog: Catalog): Promise<void> {
  const writer = await log.openTransactionalWriter(`${job}.restore`)
  try {
    await writeCatalog(writer, catalogTopic(job), catalog, env.clock.now())
  } finally {
    await writer.close()
  }
}
