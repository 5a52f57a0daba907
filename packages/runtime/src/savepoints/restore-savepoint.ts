import { RefusedError, type Savepoint, type TopicCopies } from '@millrace/core'
import { catalogTopic, changelogTopic } from '@millrace/core/internal'
import { copyState } from '@millrace/state'
import type { CatalogRestore } from '../catalog/catalog.ts'
import { readCatalog, writeCatalog } from '../catalog/catalog-topic.ts'
import { findTraces } from '../reset-job.ts'
import type { Fence } from '../task/output-fence.ts'
import { fenceFrom, hasPassed } from './make-fence.ts'
import { endRestore, readRestore, type UnfinishedRestore, writeRestore } from './restore-file.ts'
import { readCheckpoints } from './saved-positions.ts'
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
 * `UNSUPPORTED`, and `TOPIC_MISSING` if nothing shows which outputs the job has appended.
 */
export async function restoreSavepoint(
  options: SavepointsOptions,
  name: string,
  { repeatOutputs = false }: RestoreSavepointOptions = {},
): Promise<Savepoint> {
  const copies = copiesOf(options)
  requireSavepoint(options, name)
  const savepoint = describeSavepoint(options, name)
  const claim = await options.log.claim(options.job)
  try {
    const unfinished = readRestore(options)
    if (unfinished !== undefined) await finish(options, copies, unfinished)
    const id = options.env.random.uuid()
    await finish(options, copies, await decide(options, id, name, repeatOutputs))
  } finally {
    await claim.release()
  }
  return savepoint
}

/** Finishes a restore that was interrupted, if there is one. */
export async function resumeRestore(options: SavepointsOptions): Promise<void> {
  if (readRestore(options) === undefined) return
  const claim = await options.log.claim(options.job)
  try {
    const unfinished = readRestore(options)
    if (unfinished !== undefined) await finish(options, copiesOf(options), unfinished)
  } finally {
    await claim.release()
  }
}

async function decide(
  options: SavepointsOptions,
  id: string,
  savepoint: string,
  repeatOutputs: boolean,
): Promise<UnfinishedRestore> {
  const changelog = await changelogId(options)
  const restore = { id, savepoint, changelog, repeatOutputs, fences: repeatOutputs ? [] : await fencesOf(options) }
  await writeRestore(options, restore)
  return restore
}

async function finish(options: SavepointsOptions, copies: TopicCopies, found: UnfinishedRestore): Promise<void> {
  const { id, savepoint, changelog, repeatOutputs } = found
  const { job, log, env } = options
  const topic = catalogTopic(job)
  const isThere = (await log.admin.describeTopic(topic)) !== undefined
  const catalog = isThere ? await readCatalog({ log, env }, topic) : undefined
  // The job may have continued from the restore since.
  if (catalog?.restored?.id !== id) {
    // The job may have come further since the decision, if nothing was replaced yet.
    const isBefore = changelog !== null && (await changelogId(options)) === changelog
    await replaceAll(options, copies, isBefore ? await decide(options, id, savepoint, repeatOutputs) : found)
  }
  await endRestore(options)
}

/**
 * Does the steps of a restore, in an order in which a job that is started in between is refused: once the changelog is replaced, the
 * catalog describes another one, until its last record is written.
 */
async function replaceAll(
  options: SavepointsOptions,
  copies: TopicCopies,
  { id, savepoint, fences }: UnfinishedRestore,
): Promise<void> {
  const { job, log, env, data, stateDirectory } = options
  const directory = savepointDirectory(data, job, savepoint)
  const { topics } = readManifest(env.files, directory)
  const [changelog, catalog] = [changelogTopic(job), catalogTopic(job)]
  const own = await ownTopics(options)
  await copies.replace([changelog], topicsIn(directory))
  env.files.removeTree(`${stateDirectory}/${job}`)
  for (const task of env.files.list(statesIn(directory))) {
    await copyState(env, `${statesIn(directory)}/${task}`, `${stateDirectory}/${job}/${task}`)
  }
  for (const topic of own) if (!topics.includes(topic)) await log.admin.deleteTopic(topic)
  const others = topics.filter((topic) => topic !== changelog && topic !== catalog)
  await copies.replace([...others, catalog], topicsIn(directory))
  await describeChangelog(options, { id, fences })
}

async function changelogId({ job, log }: SavepointsOptions): Promise<string | null> {
  return (await log.admin.describeTopic(changelogTopic(job)))?.id ?? null
}

/** The job's own topics that are there now. */
async function ownTopics(options: SavepointsOptions): Promise<readonly string[]> {
  const there = await options.log.admin.describeTopic(catalogTopic(options.job))
  return there === undefined ? [] : (await findTraces(options)).topics
}

/** Appends a record to the catalog: it describes the changelog that was restored. */
async function describeChangelog(options: SavepointsOptions, restored: CatalogRestore): Promise<void> {
  const { job, log, env } = options
  const topic = catalogTopic(job)
  const catalog = await readCatalog({ log, env }, topic)
  const changelog = await changelogId(options)
  if (catalog === undefined || changelog === null) throw new Error(`The savepoint of job ${job} has no catalog`)
  const writer = await log.openTransactionalWriter(`${job}.restore`)
  try {
    await writeCatalog(writer, topic, { ...catalog, changelog, restored }, env.clock.now())
  } finally {
    await writer.close()
  }
}

/** How far the job has come now, and each earlier time that it was set back and has not come so far again. */
async function fencesOf({ job, log, env }: SavepointsOptions): Promise<readonly Fence[]> {
  const [changelog, topic] = [changelogTopic(job), catalogTopic(job)]
  const isThere = (await log.admin.describeTopic(changelog)) !== undefined
  if (!isThere || (await log.admin.describeTopic(topic)) === undefined) {
    throw new RefusedError(
      'TOPIC_MISSING',
      `Job ${job} has no changelog or no catalog, so it is unknown which outputs it has appended since the savepoint. Restore the ` +
        'savepoint with --repeat-outputs: the job then appends them again',
      { job, topic: isThere ? topic : changelog },
    )
  }
  const catalog = await readCatalog({ log, env }, topic)
  // The local states are not used: one that is ahead of the log would keep back outputs that were never appended.
  const now = fenceFrom(await readCheckpoints({ log, env, changelog, catalog, states: new Map() }))
  return [...(catalog?.restored?.fences ?? []).filter((fence) => !hasPassed(now, fence)), now]
}
