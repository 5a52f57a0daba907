import type { StatedError } from '@millrace/core'
import { catalogTopic } from '@millrace/core/internal'
import type { Catalog } from '../catalog/catalog.ts'
import { readCatalog } from '../catalog/catalog-topic.ts'
import { restoreSavepoint, resumeRestore } from '../savepoints/restore-savepoint.ts'
import { savepointDirectory, topicsIn } from '../savepoints/savepoint-directory.ts'
import { deleteSavepoint, hasSavepoint, type SavepointsOptions, takeSavepoint } from '../savepoints/savepoints.ts'
import { statedError } from './stated-error.ts'

/**
 * How long containers of a former node may take to leave: as long as new containers wait for others (see `replaceContainers`). Longer
 * than the session's time-out of 10 s, after which one that was killed or stopped loses its place.
 */
const LEAVING_MS_MAX = 30_000
/** How often it is looked whether they have left. */
const LEAVING_LOOK_MS = 100

/**
 * Returns from a deploy that was not finished to the savepoint before it. Returns why that failed; null if it did not. A restore that
 * has begun is finished later. `stop`: see `returnIfChanged`.
 */
export async function returnFromDeploy(
  options: SavepointsOptions,
  savepoint: string | undefined,
  stop: () => Promise<void>,
): Promise<StatedError | null> {
  const { clock, timers } = options.env
  const endMs = clock.monotonic() + LEAVING_MS_MAX
  for (;;) {
    try {
      await resumeRestore(options)
      await returnIfChanged(options, savepoint, stop)
      return null
    } catch (error) {
      const stated = statedError(error)
      // The containers of a node that was killed commit, and leave.
      if (stated.code !== 'JOB_RUNNING' || clock.monotonic() >= endMs) return stated
      await new Promise<void>((resolve) => void timers.after(LEAVING_LOOK_MS, resolve))
    }
  }
}

/** Takes the savepoint that the undoing of a deploy returns to. Undefined if the job has never run, or its log cannot copy topics. */
export async function takeBeforeDeploy(options: SavepointsOptions, revision: number): Promise<string | undefined> {
  const { log, env, job } = options
  const topic = catalogTopic(job)
  if (log.copies === undefined || (await log.admin.describeTopic(topic)) === undefined) return undefined
  // A job whose start was refused may have its topics.
  if ((await readCatalog({ log, env }, topic)) === undefined) return undefined
  const name = `before-revision-${revision}`
  for (let number = 1; ; number++) {
    // A deploy that was interrupted may have left one.
    const free = number === 1 ? name : `${name}-${number}`
    if (!hasSavepoint(options, free)) return (await takeSavepoint(options, free)).name
  }
}

/**
 * Sets a job back to a savepoint if another version has changed its stores since: this version must not use what that one
 * computed. Does nothing if the savepoint was deleted. `stop`: stops the containers of the job before it is set back.
 */
export async function returnIfChanged(
  options: SavepointsOptions,
  savepoint: string | undefined,
  stop: () => Promise<void>,
): Promise<void> {
  if (savepoint === undefined || !(await haveStoresChanged(options, savepoint))) return
  await stop()
  await restoreSavepoint(options, savepoint)
}

/** `returnIfChanged` before a rollback, with a line of progress if it sets the job back. */
export function returnForRollback(
  options: SavepointsOptions,
  savepoint: string | undefined,
  stop: () => Promise<void>,
  onProgress: (text: string) => void,
): Promise<void> {
  return returnIfChanged(options, savepoint, () => {
    onProgress(`The deploy has changed the stores. Stops the job, and sets it back to savepoint ${savepoint}`)
    return stop()
  })
}

/** Whether a job's stores are other ones than those of a savepoint; false if the savepoint was deleted. */
async function haveStoresChanged(options: SavepointsOptions, savepoint: string | undefined): Promise<boolean> {
  if (savepoint === undefined || !hasSavepoint(options, savepoint)) return false
  const { log, env, job, data } = options
  const topic = catalogTopic(job)
  if ((await log.admin.describeTopic(topic)) === undefined) return false
  const copy = await log.copies?.open(topicsIn(savepointDirectory(data, job, savepoint)))
  if (copy === undefined) return false
  try {
    const before = await readCatalog({ log: copy, env }, topic)
    return storesOf(before) !== storesOf(await readCatalog({ log, env }, topic))
  } finally {
    await copy.close()
  }
}

/** Deletes a savepoint that was taken before a deploy, if it is still there. A failure leaves it, and has no other effect. */
export async function dropSavepoint(options: SavepointsOptions, savepoint: string | undefined): Promise<void> {
  if (savepoint !== undefined) await deleteSavepoint(options, savepoint).catch(() => undefined)
}

/** What stores a job has, and what determines their content. */
function storesOf(catalog: Catalog | undefined): string {
  const stores = Object.entries(catalog?.stores ?? {}).map(
    ([name, { meaning, incarnation, removedAt }]) => [name, meaning, incarnation, removedAt === null] as const,
  )
  stores.sort(([one], [other]) => (one < other ? -1 : 1))
  return JSON.stringify([stores, catalog?.repartitions])
}
