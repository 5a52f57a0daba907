import { catalogTopic } from '@millrace/core/internal'
import type { Catalog } from '../catalog/catalog.ts'
import { readCatalog } from '../catalog/catalog-topic.ts'
import { savepointDirectory, topicsIn } from './savepoint-directory.ts'
import { copiesOf, type SavepointsOptions } from './savepoints.ts'

/** The catalog that a job had at a savepoint. */
export async function savedCatalog(options: SavepointsOptions, savepoint: string): Promise<Catalog> {
  const { job, env, data } = options
  const copy = await copiesOf(options).open(topicsIn(savepointDirectory(data, job, savepoint)))
  const catalog = await readCatalog({ log: copy, env }, catalogTopic(job)).finally(() => copy.close())
  if (catalog === undefined) throw new Error(`Savepoint ${savepoint} of job ${job} has no catalog`)
  return catalog
}
