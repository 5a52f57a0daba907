import type { Savepoint } from '@millrace/core'
import { catalogTopic, changelogTopic } from '@millrace/core/internal'
import { copyState } from '@millrace/state'
import { findTraces } from '../reset-job.ts'
import { decide, type SetBackRequest } from './decide-set-back.ts'
import { deleteComputed } from './delete-computed.ts'
import { presentCatalog } from './present-progress.ts'
import { recordCatalog } from './record-catalog.ts'
import { requireSameTopics } from './require-same-topics.ts'
import { finishRescale } from './rescale-restore.ts'
import { endRestore, readRestore, type UnfinishedRestore } from './restore-file.ts'
import { savedCatalog } from './saved-catalog.ts'
import { savepointDirectory, statesIn, topicsIn } from './savepoint-directory.ts'
import { readManifest } from './savepoint-manifest.ts'
import { copiesOf, describeSavepoint, requireSavepoint, type SavepointsOptions } from './savepoints.ts'

/** How a savepoint is restored. */
export interface RestoreSavepointOptions {
  /**
   * Whether the job appends again what it had appended to its outputs since the savepoint. Default false: while it processes again
   * what it had processed, it appends nothing to topics that are not its own.
   */
  readonly repeatOutputs?: boolean
}

/**
 * Sets a job that is stopped back to a savepoint: its own topics and its local state become those of the savepoint, so that it
 * continues from the savepoint's positions. Its inputs and outputs stay. A crash leaves the job as it was, or a restore that
 * `resumeRestore` finishes; until then the job is refused. Throws `SAVEPOINT_MISSING`, `SAVEPOINT_DAMAGED`, `JOB_RUNNING`,
 * `UNSUPPORTED`, `TOPIC_REPLACED` if an input is another topic by now, and `TOPIC_MISSING` if nothing shows which outputs the job has
 * appended.
 */
export async function restoreSavepoint(
  options: SavepointsOptions,
  name: string,
  { repeatOutputs = false }: RestoreSavepointOptions = {},
): Promise<Savepoint> {
  copiesOf(options)
  requireSavepoint(options, name)
  const savepoint = describeSavepoint(options, name)
  await requireSameTopics(options, name)
  await whileStopped(options, () => setBack(options, { savepoint: name, repeatOutputs }))
  return savepoint
}

/** Does something with a job that is stopped, and stays so meanwhile. A restore that was interrupted is finished before. */
export async function whileStopped<T>(options: SavepointsOptions, act: () => Promise<T>): Promise<T> {
  const claim = await options.log.claim(options.job)
  try {
    const unfinished = readRestore(options)
    if (unfinished !== undefined) await finish(options, unfinished)
    return await act()
  } finally {
    await claim.release()
  }
}

/** Sets a job back that this process has claimed. */
export async function setBack(options: SavepointsOptions, request: SetBackRequest): Promise<void> {
  await finish(options, await decide(options, options.env.random.uuid(), request))
}

/** Finishes a restore that was interrupted, if there is one. */
export async function resumeRestore(options: SavepointsOptions): Promise<void> {
  if (readRestore(options) !== undefined) await whileStopped(options, async () => undefined)
}

async function finish(options: SavepointsOptions, found: UnfinishedRestore): Promise<void> {
  const { id } = found
  if (found.rescaled !== undefined) return finishRescale(options)
  const catalog = await presentCatalog(options)
  // If it was done, the job may have continued since.
  if (catalog?.restored?.id !== id) {
    // If it has not begun, the job may have come further since it was decided.
    const restore = catalog?.unfinished === id ? found : await decide(options, id, found)
    if (restore.savepoint === null) await emptyAll(options, restore)
    else await replaceAll(options, restore, restore.savepoint)
  }
  await endRestore(options)
}

/** The catalog has one record before the first step, which keeps the job from starting, and one after the last, which describes it. */
async function replaceAll(
  options: SavepointsOptions,
  { id, fences, skipped }: UnfinishedRestore,
  savepoint: string,
): Promise<void> {
  const { job, log, env, data, stateDirectory, engine } = options
  const copies = copiesOf(options)
  const directory = savepointDirectory(data, job, savepoint)
  const { topics } = readManifest(env.files, directory)
  const topic = catalogTopic(job)
  const described = await savedCatalog(options, savepoint)
  if ((await log.admin.describeTopic(topic)) === undefined) await copies.replace([topic], topicsIn(directory))
  await recordCatalog(options, { ...((await presentCatalog(options)) ?? described), unfinished: id })
  env.files.removeTree(`${stateDirectory}/${job}`)
  for (const task of env.files.list(statesIn(directory))) {
    await copyState(env, `${statesIn(directory)}/${task}`, `${stateDirectory}/${job}/${task}`, engine)
  }
  for (const own of (await findTraces(options)).topics) if (!topics.includes(own)) await log.admin.deleteTopic(own)
  const replaced = topics.filter((each) => each !== topic)
  await copies.replace(replaced, topicsIn(directory))
  const restored = { ...described.restored, id, fences, skipped: skipped ?? [] }
  await recordCatalog(options, { ...described, changelog: await changelogId(options), restored })
}

/** As `replaceAll`, to topics without records. */
async function emptyAll(options: SavepointsOptions, { id, changelog, ...restore }: UnfinishedRestore): Promise<void> {
  const { fences, beginnings = {}, skipped = [] } = restore
  const { job, log } = options
  const catalog = await presentCatalog(options)
  if (catalog !== undefined) await recordCatalog(options, { ...catalog, unfinished: id })
  await deleteComputed(options)
  // A container that tries to start makes it too, before it is refused.
  if ((await log.admin.describeTopic(changelogTopic(job))) === undefined) {
    await log.admin.createTopic(changelogTopic(job), changelog)
  }
  const restored = { id, fences, beginnings, skipped }
  await recordCatalog(options, { changelog: await changelogId(options), stores: {}, repartitions: {}, restored })
}

async function changelogId({ job, log }: SavepointsOptions): Promise<string> {
  const changelog = await log.admin.describeTopic(changelogTopic(job))
  if (changelog === undefined) throw new Error(`Job ${job} has no changelog`)
  return changelog.id
}
