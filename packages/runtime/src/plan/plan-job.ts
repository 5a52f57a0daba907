import type { JobChange, JobPlan, Recomputation } from '@millrace/core'
import { describe, type Env, type JobDescription, type Log, RefusedError, type TopicDescription } from '@millrace/core'
import {
  type Checkpoint,
  catalogTopic,
  type Job,
  jobMeaning,
  sourceStarts,
  type Topology,
  toTopology,
  versionedName,
} from '@millrace/core/internal'
import type { Catalog } from '../catalog/catalog.ts'
import { readCatalog } from '../catalog/catalog-topic.ts'
import { offsetOf } from '../catalog/decide-starts.ts'
import { catalogOf, isUpToDate, readChange, requireKnown } from '../catalog/open-catalog.ts'
import { type CatalogChange, planCatalog } from '../catalog/plan-catalog.ts'
import { findCheckpoints, readCheckpoints } from '../catalog/read-progress.ts'
import { refuseStores, requireStores } from '../catalog/refuse-stores.ts'
import { requireFit } from '../container/own-topics.ts'
import { findNeeded, type NeededTopics, requireChangelog, topicsByName } from '../container/topics.ts'
import { compareSerdes, compareSettings } from './compare-settings.ts'
import { compareSteps, storesWithOtherSteps } from './compare-steps.ts'
import { plannedStores } from './planned-stores.ts'
import { plannedTopics } from './planned-topics.ts'
import { requireInputs } from './require-inputs.ts'

/** Where a job is to run, and what is known of it. */
export interface PlanOptions {
  readonly log: Log
  readonly env: Env
  /**
   * The job as it was deployed, as `describe(job, 'json')` returned it, if that is known. Without it, steps and settings are not
   * compared: the log records only the stores.
   */
  readonly before?: JobDescription
  /** Stores whose loss is accepted: see the container's option `acceptLoss`. Default: none. */
  readonly acceptLoss?: readonly string[]
}

/** A job and the topics of a log, as they are now. */
interface Found extends PlanOptions {
  readonly topology: Topology
  readonly descriptions: ReadonlyMap<string, TopicDescription>
  readonly acceptLoss: readonly string[]
}

/**
 * Finds out what a start of a job means for the data that is there, before anything is changed. It reads what the start would
 * read, decides as the start does, and changes nothing: the job may run meanwhile. If the job's stores differ from those that it
 * ran with, it reads the whole changelog, as the start would. The plan is true of
 * what is committed now. What a store misses, it will have missed more of when the processes that run now have ended.
 *
 * Whether other processes run the job does not matter: only the start itself can find that (`JOB_RUNNING`, `JOB_CHANGED`).
 *
 * ```ts
 * const plan = await planJob(job, { log, env: nodeEnv() })
 * for (const { message } of plan.refusals) console.error(message)
 * ```
 */
export async function planJob(job: Job, { acceptLoss = [], ...options }: PlanOptions): Promise<JobPlan> {
  const { log, before } = options
  const topology = toTopology(job)
  const descriptions = await topicsByName(log)
  const found: Found = { ...options, acceptLoss, topology, descriptions }
  const refusals = new Refusals()
  await refusals.collect(() => requireStores(topology, acceptLoss))
  const needed = await refusals.collect(() => findNeeded(topology, log, descriptions))
  if (needed !== undefined) await requireOwn(found, needed, refusals)
  const state = await refusals.collect(() => readState(found))
  if (state !== undefined) await requireState(found, needed, state, refusals)
  const now = describe(job, 'json')
  const meaning = jobMeaning(topology)
  const steps = before === undefined ? null : compareSteps(before, now)
  const isSame = before !== undefined && JSON.stringify(before) === JSON.stringify(now) && state?.current === true
  return {
    job: topology.job,
    change: changeOf(refusals, state, isSame),
    steps,
    stores:
      state === undefined ? [] : plannedStores(state.found, state.before, state.change, storesWithOtherSteps(steps)),
    topics: plannedTopics({ topology, meaning, descriptions, needed, before: state?.before }),
    serdes: compareSerdes(state?.before, meaning, before, now),
    settings: before === undefined ? [] : compareSettings(before, now),
    recompute: await readRecomputation(found),
    nextVersion: nextVersion(job, descriptions),
    refusals: refusals.errors.map(({ code, message }) => ({ code, message })),
  }
}

/** The reasons to refuse a start, in the order in which the start finds them. */
class Refusals {
  readonly errors: RefusedError[] = []

  /** Calls a check that may refuse the start. Returns undefined if it did. */
  async collect<T>(check: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await check()
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      this.errors.push(error)
      return undefined
    }
  }
}

/** What a job has left in its own topics. */
interface JobState {
  /** The catalog as its topic has it. */
  readonly found: Catalog | undefined
  /** The catalog, if it describes the present changelog. */
  readonly before: Catalog | undefined
  /** Whether the catalog describes the job's stores as they are now. */
  readonly current: boolean
  readonly checkpoints: readonly Checkpoint[]
  readonly change: CatalogChange
}

async function requireOwn({ topology, log, descriptions }: Found, needed: NeededTopics, refusals: Refusals) {
  for (const own of needed.own) {
    const there = descriptions.get(own.topic)
    if (there !== undefined) await refusals.collect(() => requireFit(there, topology.job, own))
  }
  const { partitions = 0 } = descriptions.get(topology.changelog) ?? {}
  await refusals.collect(() => requireChangelog(topology, log, partitions))
}

async function readState({ topology, log, env, descriptions, acceptLoss }: Found): Promise<JobState> {
  const from = { log, env, committedOnly: true }
  const topic = catalogTopic(topology.job)
  const changelog = descriptions.get(topology.changelog)
  const found = descriptions.has(topic) ? await readCatalog(from, topic) : undefined
  const before = catalogOf(found, changelog?.id)
  const current = before !== undefined && isUpToDate(before, before.changelog, topology)
  // Only stores that change need to know how far topics were processed that the job no longer reads.
  const read = (there: TopicDescription) =>
    current ? findCheckpoints(from, there, inputsOf(topology, descriptions)) : readCheckpoints(from, there)
  const checkpoints = before === undefined || changelog === undefined ? [] : await read(changelog)
  const topics = { descriptions }
  return {
    found,
    before,
    current,
    checkpoints,
    change: await readChange({ ...from, topology, topics, acceptLoss }, before, checkpoints),
  }
}

/** The topics that the tasks of a partition number read. */
function inputsOf({ subtopologies }: Topology, descriptions: Found['descriptions']) {
  const topics = subtopologies.flatMap(({ inputs }) => inputs.flatMap(({ topic }) => descriptions.get(topic) ?? []))
  return (partition: number) => topics.flatMap(({ name, partitions }) => (partition < partitions ? [name] : []))
}

async function requireState(
  { topology, log, descriptions }: Found,
  needed: NeededTopics | undefined,
  { before, current, change, checkpoints }: JobState,
  refusals: Refusals,
): Promise<void> {
  if (!current) {
    await refusals.collect(() => requireKnown({ topology, log, topics: { descriptions } }, before))
    await refusals.collect(() => refuseStores(topology.job, planCatalog(before, change)))
  }
  if (needed !== undefined) {
    await refusals.collect(() =>
      requireInputs({ topology, log, descriptions, needed, checkpoints, catalog: before ?? { stores: {} } }),
    )
  }
}

/** The refusals that another version of the job would meet as well. */
const BLOCKING: ReadonlySet<string> = new Set([
  'JOB_INVALID',
  'TOPIC_MISSING',
  'UNSUPPORTED',
  'LOG_PARTS_DIFFER',
  'START_OUT_OF_RANGE',
])

function changeOf({ errors }: Refusals, state: JobState | undefined, isSame: boolean): JobChange {
  if (errors.some(({ code }) => BLOCKING.has(code))) return 'blocked'
  const stores = errors.filter(({ place }) => place.store !== undefined)
  if (errors.length > 0) return errors.length === stores.length ? 'accept-loss' : 'version'
  if (isSame) return 'none'
  return state?.before === undefined ? 'first' : 'at-once'
}

async function readRecomputation({ log, topology, descriptions }: Found): Promise<Recomputation> {
  const topics: Recomputation['topics'][number][] = []
  for (const [topic, plan] of sourceStarts(topology)) {
    let [records, deleted] = [0, 0]
    for (let partition = 0; partition < (descriptions.get(topic)?.partitions ?? 0); partition++) {
      const { offset, start, end } = await offsetOf(log, topic, partition, plan)
      records += Math.max(0, end - Math.max(offset, start))
      deleted += start
    }
    if (descriptions.has(topic)) topics.push({ topic, records, deleted })
  }
  return { records: topics.reduce((sum, { records }) => sum + records, 0), topics }
}

function nextVersion({ name, version }: Job, descriptions: ReadonlyMap<string, TopicDescription>): number {
  let next = version + 1
  while (descriptions.has(catalogTopic(versionedName({ name, version: next })))) next++
  return next
}
