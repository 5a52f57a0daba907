import { formatPosition, type Log, RefusedError, type TopicDescription } from '@millrace/core'
import {
  type Checkpoint,
  catalogTopic,
  jobMeaning,
  ownValue,
  storeInputs,
  type Topology,
} from '@millrace/core/internal'
import type { JobTopics } from '../container/topics.ts'
import type { Outputs } from '../task/outputs.ts'
import { type Catalog, isCurrent, NEXT_CHANGELOG } from './catalog.ts'
import { readCatalog, readCatalogRecord, replaceCatalog, writeCatalog } from './catalog-topic.ts'
import { decideStarts, startsAreDecided } from './decide-starts.ts'
import { deleteEntries } from './delete-entries.ts'
import { type CatalogChange, type CatalogPlan, planCatalog } from './plan-catalog.ts'
import type { ReadFrom } from './read-partition.ts'
import { processedIn, readCheckpoints, readStarts } from './read-progress.ts'
import { refuseStores } from './refuse-stores.ts'

/** The topics of a log, by name. */
type TopicDescriptions = Pick<JobTopics, 'descriptions'>

export interface CheckCatalogOptions extends ReadFrom {
  readonly topology: Topology
  readonly topics: TopicDescriptions
  /** Stores that may start empty, if they cannot continue from where they are. */
  readonly acceptLoss: readonly string[]
}

export interface OpenCatalogOptions extends CheckCatalogOptions {
  /** The container's own writer: fenced with the container. */
  readonly outputs: Outputs
  readonly notice: (message: string) => void
}

/**
 * The catalog of a job that is about to run. It stays as it is if the job's stores are those that it ran with; otherwise it
 * is changed for the stores that the job has now, in one record, before anything is processed. Only a member of the job's
 * group calls this, and all members run the same job, so no member processes anything that another's catalog does not list.
 * Of members that change it at the same time, one does: each may find other ends of the topics to begin at.
 *
 * Throws `STORE_BEHIND`, `STORE_CHANGED`, `START_OUT_OF_RANGE`, and `JOB_TOPIC_UNFIT` if the job's topics hold records that no
 * catalog describes.
 */
export async function openCatalog(options: OpenCatalogOptions): Promise<Catalog> {
  const { topology, topics, env, outputs, notice } = options
  const topic = catalogTopic(topology.job)
  const changelog = described(topics, topology.changelog)
  let change: { readonly written: Catalog; readonly notices: readonly string[] } | undefined
  for (;;) {
    const record = await readCatalogRecord(options, topic)
    const found = record?.catalog
    requireFinished(topology.job, found)
    if (found !== undefined && isUpToDate(found, changelog.id, topology)) {
      if (sameCatalog(found, change?.written)) for (const text of change?.notices ?? []) notice(text)
      return freed(options, found)
    }
    const before = catalogOf(found, changelog.id)
    const plan = await planFrom(options, found).catch(refusalOrThrow)
    // Another container of the same job may have been faster, and may be processing by now.
    if (!sameCatalog(await readCatalog(options, topic), found)) continue
    if (plan instanceof RefusedError) throw plan
    const obsolete = [...(before?.obsolete ?? []), ...plan.obsolete]
    const written = obsolete.length === 0 ? plan.catalog : { ...plan.catalog, obsolete }
    await replaceCatalog(outputs, topic, record, written, env.clock.now())
    change = { written, notices: noticesOf(plan, before) }
  }
}

/** Whether a catalog describes a job as it is now. */
export function isUpToDate(catalog: Catalog, changelog: string, topology: Topology): boolean {
  return isCurrent(catalog, changelog, jobMeaning(topology)) && startsAreDecided(catalog, topology)
}

function sameCatalog(a: Catalog | undefined, b: Catalog | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/**
 * The catalog without obsolete entries, once they are deleted. This comes after the catalog has changed: until then the job may
 * continue with these entries, if this container fails.
 */
async function freed(
  { topology, topics, log, env, outputs }: OpenCatalogOptions,
  { obsolete = [], ...catalog }: Catalog,
): Promise<Catalog> {
  if (obsolete.length === 0) return catalog
  await deleteEntries({ log, env }, outputs, described(topics, topology.changelog), obsolete, env.clock.now())
  await writeCatalog(outputs, catalogTopic(topology.job), catalog, env.clock.now())
  return catalog
}

/**
 * Throws what `openCatalog` would throw now, and changes nothing: while other containers still run the job as it was. What a
 * store has missed by now, it will have missed when they have stopped.
 */
export async function checkCatalog(options: CheckCatalogOptions): Promise<void> {
  const { topology, topics } = options
  const found = await readCatalog(options, catalogTopic(topology.job))
  if (found !== undefined && isUpToDate(found, described(topics, topology.changelog).id, topology)) return
  await planFrom(options, found)
}

/** What the catalog becomes. Throws if the start is refused. */
async function planFrom(options: CheckCatalogOptions, found: Catalog | undefined): Promise<CatalogPlan> {
  const { topology, topics } = options
  const changelog = described(topics, topology.changelog)
  const before = catalogOf(found, changelog.id)
  await requireKnown(options, before)
  const checkpoints = before === undefined ? [] : await readCheckpoints(options, changelog)
  const plan = planCatalog(before, await readChange(options, before, checkpoints))
  refuseStores(topology.job, plan)
  return plan
}

/** A catalog, if it describes this changelog: that of another changelog describes a state that was deleted. */
export function catalogOf(found: Catalog | undefined, changelog: string | undefined): Catalog | undefined {
  return found?.changelog === changelog || found?.changelog === NEXT_CHANGELOG ? found : undefined
}

/** What the change of a job's stores depends on. Topics that do not exist are taken for empty ones. */
export async function readChange(
  { topology, topics: { descriptions }, log, acceptLoss }: CheckCatalogOptions,
  before: Catalog | undefined,
  checkpoints: readonly Checkpoint[],
): Promise<CatalogChange> {
  const inputs = storeInputs(topology)
  const sources = new Set(inputs.flatMap((input) => input.sources))
  const processed = processedIn(checkpoints)
  return {
    changelog: descriptions.get(topology.changelog)?.id ?? '',
    meaning: jobMeaning(topology),
    inputs,
    processed,
    starts: await readStarts(
      log,
      [...sources].flatMap((source) => descriptions.get(source) ?? []),
    ),
    begins: await decideStarts(before, { topology, log, descriptions, processed }),
    acceptLoss: new Set(acceptLoss),
  }
}

/** Throws `RESTORE_UNFINISHED` while a job is being set back. It may have no catalog. */
export async function requireNotBeingSetBack({ log, env }: ReadFrom, job: string): Promise<void> {
  const topic = catalogTopic(job)
  if ((await log.admin.describeTopic(topic)) === undefined) return
  requireFinished(job, await readCatalog({ log, env }, topic))
}

/** Throws `RESTORE_UNFINISHED` while some of a job's topics are those of another moment than the rest. */
function requireFinished(job: string, found: Catalog | undefined): void {
  if (found?.unfinished === undefined) return
  throw new RefusedError(
    'RESTORE_UNFINISHED',
    `Job ${job} cannot start, because it is being set back, and that is not finished: a process died in the middle of it. Start the ` +
      `job on its node ("millrace start ${job}"), which finishes it first. If a topic was being rescaled, the same "millrace rescale" finishes it too`,
    { job },
  )
}

function noticesOf({ emptied, catalog }: CatalogPlan, before: Catalog | undefined): string[] {
  const removed = Object.entries(before?.stores ?? {}).filter(
    ([name, { removedAt }]) => removedAt === null && ownValue(catalog.stores, name)?.removedAt !== null,
  )
  return [
    ...emptied.map((store) => {
      const from = formatPosition(ownValue(catalog.stores, store)?.completeFrom ?? {})
      return `Store ${store} starts empty. It counts from ${from || 'the start of its inputs'} on`
    }),
    ...removed.map(
      ([name]) =>
        `Store ${name} does not belong to the job any more. Its content is kept. Once the job has processed records without the store, ` +
        'the store cannot continue from this content',
    ),
    ...startNotices(catalog, before),
  ]
}

function startNotices({ starts = {} }: Catalog, before: Catalog | undefined): string[] {
  return Object.entries(starts).flatMap(([topic, { start, offsets }]) => {
    const former = ownValue(before?.starts ?? {}, topic)
    if (former?.start === start) return []
    const from = formatPosition({ [topic]: offsets })
    if (former === undefined && from !== '') return [`Topic ${topic} is read from ${from} on (start: ${start})`]
    return [
      `The start of topic ${topic} is ${start} now. That changes nothing: the job has begun at ${from || "the topic's start"}, and ` +
        'continues where it is. Only a reset of the job begins there',
    ]
  })
}

function refusalOrThrow(error: unknown): RefusedError {
  if (error instanceof RefusedError) return error
  throw error
}

/**
 * Throws `JOB_TOPIC_UNFIT` if the job's own topics hold records that the catalog does not list. Topics that do not exist are
 * taken for empty ones.
 */
export async function requireKnown(
  { topology, topics: { descriptions }, log }: Pick<CheckCatalogOptions, 'topology' | 'topics' | 'log'>,
  before: Catalog | undefined,
): Promise<void> {
  const { job, changelog } = topology
  if (before === undefined && !(await isEmpty(log, descriptions.get(changelog)))) {
    throw new RefusedError(
      'JOB_TOPIC_UNFIT',
      `Topic ${changelog} holds state, and topic ${catalogTopic(job)} does not describe it. One of them was deleted, or comes ` +
        `from another copy of the data. Restore both from one copy, or run "millrace reset ${job}" to compute everything ` +
        `from the start of the inputs`,
      { job, topic: changelog },
    )
  }
  for (const topic of Object.keys(jobMeaning(topology).repartitions)) {
    const isKnown = before !== undefined && Object.hasOwn(before.repartitions, topic)
    if (isKnown || (await isEmpty(log, descriptions.get(topic)))) continue
    throw new RefusedError(
      'JOB_TOPIC_UNFIT',
      `Topic ${topic} holds records that job ${job} did not send, or sent before its changelog was deleted. They would be ` +
        `counted together with what the job sends now. Delete it with "millrace topics delete ${topic}", or run the job under another name`,
      { job, topic },
    )
  }
}

async function isEmpty(log: Log, topic: TopicDescription | undefined): Promise<boolean> {
  for (let partition = 0; partition < (topic?.partitions ?? 0); partition++) {
    if (topic !== undefined && (await log.admin.offsets(topic.name, partition)).end > 0) return false
  }
  return true
}

function described({ descriptions }: TopicDescriptions, topic: string): TopicDescription {
  const description = descriptions.get(topic)
  if (description === undefined) throw new Error(`Topic ${topic} is not one of the job's topics`)
  return description
}
