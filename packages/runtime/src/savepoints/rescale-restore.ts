import { type Catalog, NEXT_CHANGELOG } from '../catalog/catalog.ts'
import type { Fence } from '../task/output-fence.ts'
import { deleteComputed } from './delete-computed.ts'
import { presentCatalog } from './present-progress.ts'
import { recordCatalog } from './record-catalog.ts'
import { endRestore, readRestore, type UnfinishedRestore, writeRestore } from './restore-file.ts'
import type { SavepointsOptions } from './savepoints.ts'

/**
 * Keeps a job, which the caller has claimed, from starting, until `finishRescale` has set it back to the start of its inputs, one of
 * which gets another number of partitions: its positions mean nothing in the new ones.
 */
export async function prepareRescale(
  options: SavepointsOptions,
  rescaled: { readonly topic: string; readonly id: string },
  fences: readonly Fence[],
): Promise<void> {
  const id = options.env.random.uuid()
  const catalog = await presentCatalog(options)
  if (catalog === undefined) throw new Error(`Job ${options.job} has no catalog`)
  const repeatOutputs = fences.length === 0
  await writeRestore(options, { id, savepoint: null, changelog: {}, repeatOutputs, fences, rescaled })
  await recordCatalog(options, { ...catalog, unfinished: id })
}

/** Sets a job back for which `prepareRescale` was called, or gives that up if its topic was not rescaled. The caller has claimed it. */
export async function finishRescale(options: SavepointsOptions): Promise<void> {
  const restore = readRestore(options)
  if (restore?.rescaled === undefined) return
  const { topic, id } = restore.rescaled
  const catalog = await presentCatalog(options)
  // If it was done, the job may have continued since.
  if (catalog?.unfinished === restore.id) {
    const isRescaled = (await options.log.admin.describeTopic(topic))?.id === id
    const { unfinished: _, ...asBefore } = catalog
    if (isRescaled) await emptyAll(options, restore, catalog, restore.rescaled)
    else await recordCatalog(options, asBefore)
  }
  await endRestore(options)
}

/**
 * Deletes what the job has computed for itself. How many partitions its changelog needs now, its next start finds out. Where it began
 * to read the topic that was rescaled means nothing in the new partitions: it begins at their start.
 */
async function emptyAll(
  options: SavepointsOptions,
  { id, fences }: UnfinishedRestore,
  { starts: former = {}, restored }: Pick<Catalog, 'starts' | 'restored'>,
  { topic, id: topicId }: { readonly topic: string; readonly id: string },
): Promise<void> {
  await deleteComputed(options)
  const { [topic]: begun, ...starts } = former
  const beginnings = Object.fromEntries(
    Object.entries(restored?.beginnings ?? {}).map(([each, { topicId: its }]) => [each, { topicId: its, offsets: {} }]),
  )
  if (begun !== undefined) beginnings[topic] = { topicId, offsets: {} }
  await recordCatalog(options, {
    changelog: NEXT_CHANGELOG,
    stores: {},
    repartitions: {},
    ...(Object.keys(starts).length > 0 && { starts }),
    restored: { id, fences, ...(Object.keys(beginnings).length > 0 && { beginnings }) },
  })
}
