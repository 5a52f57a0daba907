import { RefusedError } from '@millrace/core'
import { type Checkpoint, catalogTopic, changelogTopic } from '@millrace/core/internal'
import type { Catalog } from '../catalog/catalog.ts'
import { readCatalog } from '../catalog/catalog-topic.ts'
import { readCheckpoints } from './saved-positions.ts'
import type { SavepointsOptions } from './savepoints.ts'

/** How far a job has come, according to its own topics. */
export interface PresentProgress {
  readonly catalog: Catalog
  /** The last checkpoint of every input, by partition. */
  readonly checkpoints: ReadonlyMap<number, Checkpoint>
}

/** The catalog of a job; undefined if it has none. */
export async function presentCatalog({ job, log, env }: SavepointsOptions): Promise<Catalog | undefined> {
  const topic = catalogTopic(job)
  return (await log.admin.describeTopic(topic)) === undefined ? undefined : readCatalog({ log, env }, topic)
}

/** How far a job has come. The local states are not used: one that is ahead of the log knows of outputs that were never appended. */
export async function presentProgress(options: SavepointsOptions): Promise<PresentProgress> {
  const { job, log, env } = options
  const catalog = await presentCatalog(options)
  const changelog = changelogTopic(job)
  if (catalog === undefined) {
    throw new RefusedError('TOPIC_MISSING', `Job ${job} has never run, so it is at the start of its inputs. Start it`, {
      job,
    })
  }
  return { catalog, checkpoints: await readCheckpoints({ log, env, changelog, catalog, states: new Map() }) }
}
