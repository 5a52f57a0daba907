import { type Env, type Gap, type Log, RefusedError, type TopicDescription } from '@millrace/core'
import { catalogTopic, changelogTopic, ownValue, repartitionTopic } from '@millrace/core/internal'
import { beginningsIn } from '../catalog/catalog.ts'
import { DEPLOYMENTS_TOPIC } from '../node/deployment.ts'
import { fenceFrom, hasPassedSources } from '../savepoints/make-fence.ts'
import { readRestore } from '../savepoints/restore-file.ts'
import { readCheckpoints } from '../savepoints/saved-positions.ts'
import { knownJobs } from '../stopped/stopped-jobs.ts'
import type { Fence } from '../task/output-fence.ts'

/** Where a topic is rescaled. */
export interface RescaleOptions {
  readonly log: Log
  readonly env: Env
  /** The data directory: what is decided about its jobs is in its folder `savepoints`. */
  readonly data: string
  /** Where the tasks of jobs keep their local state: the same as the container's option of that name. */
  readonly stateDirectory: string
}

/** What a rescale would do. */
export interface RescalePlan {
  readonly topic: string
  /** How many partitions it has, and how many it gets. */
  readonly from: number
  readonly to: number
  /** At most so many records are copied; aborted ones, and those that compaction has removed, count too. */
  readonly records: number
  readonly bytes: number
  /** The jobs that have read the topic: they compute everything again. */
  readonly jobs: readonly string[]
  /**
   * Other topics that these jobs read, with as many partitions as the topic has now: if a job reads them together, it does not start until
   * they have as many again.
   */
  readonly companions: readonly { readonly topic: string; readonly jobs: readonly string[] }[]
}

/** A job that has read a topic, and how far it has come. */
export interface Reader {
  readonly job: string
  readonly now: Fence
  /** What it had reached before it was set back, as far as it has not come there again. */
  readonly earlier: readonly Fence[]
  /** Records that it was made to skip: nothing was appended for them. */
  readonly skipped: readonly Gap[]
  /** The topics that it has read, and those that its stores are computed from. */
  readonly topics: readonly string[]
  /** The job's repartition topics. */
  readonly repartitions: readonly string[]
}

/**
 * What "millrace rescale" would do, and changes nothing. Throws `TOPIC_MISSING`, `RESTORE_UNFINISHED` if a job that
 * reads the topic is being set back, and `BAD_INPUT` for a topic of a job's own.
 */
export async function planRescale(options: RescaleOptions, topic: string, partitions: number): Promise<RescalePlan> {
  const { log } = options
  const description = await describe(log, topic)
  let records = 0
  for (let partition = 0; partition < description.partitions; partition++) {
    const { start, end } = await log.admin.offsets(topic, partition)
    records += end - start
  }
  const readers = await readersOf(options, topic)
  const { partitions: from } = description
  const jobs = readers.map(({ job }) => job)
  const companions = from === partitions ? [] : await companionsOf(log, topic, from, readers)
  return { topic, from, to: partitions, records, bytes: await log.admin.sizeBytes(topic), jobs, companions }
}

async function companionsOf(
  log: Log,
  topic: string,
  partitions: number,
  readers: readonly Reader[],
): Promise<RescalePlan['companions']> {
  const own = readers.flatMap(({ repartitions }) => repartitions)
  const others = new Set(
    readers.flatMap(({ topics }) => topics).filter((name) => name !== topic && !own.includes(name)),
  )
  const companions: { readonly topic: string; readonly jobs: readonly string[] }[] = []
  for (const name of [...others].sort()) {
    if ((await log.admin.describeTopic(name))?.partitions !== partitions) continue
    companions.push({ topic: name, jobs: readers.filter(({ topics }) => topics.includes(name)).map(({ job }) => job) })
  }
  return companions
}

/** The topic, which must be a user's. */
export async function describe(log: Log, topic: string): Promise<TopicDescription> {
  if (
    [catalogTopic(''), changelogTopic(''), repartitionTopic('', '').slice(1)].some((ending) => topic.endsWith(ending))
  ) {
    throw new RefusedError(
      'BAD_INPUT',
      `Topic ${topic} cannot be rescaled, because it is a job's own: it has as many partitions as the job's inputs need. Rescale the inputs of the job`,
      { topic },
    )
  }
  if (topic === DEPLOYMENTS_TOPIC) {
    throw new RefusedError('BAD_INPUT', `Topic ${topic} cannot be rescaled, because it is the node's own`, { topic })
  }
  const description = await log.admin.describeTopic(topic)
  if (description !== undefined) return description
  throw new RefusedError(
    'TOPIC_MISSING',
    `The ${log.kind} log at ${log.location} has no topic ${topic}. Correct the name`,
    { topic },
  )
}

/** The jobs that have read a topic, or that have stores computed from it. */
export async function readersOf(options: RescaleOptions, topic: string): Promise<readonly Reader[]> {
  const { log, env, data } = options
  const readers: Reader[] = []
  for (const { job, catalog } of await knownJobs({ log, env })) {
    const stores = Object.values(catalog.stores).filter(({ removedAt }) => removedAt === null)
    const { fences = [] } = catalog.restored ?? {}
    const ofStart = ownValue(catalog.starts ?? {}, topic)?.skipped ?? []
    const skipped = [...(catalog.restored?.skipped ?? []), ...ofStart]
    const ofStores = stores.flatMap((store) => store.topics)
    const known = [...fences.flatMap(Object.keys), ...Object.keys(beginningsIn(catalog)), ...ofStores]
    const restore = readRestore({ job, env, data })
    // A restore of another kind may not have begun yet: the catalog does not show it then.
    if (restore !== undefined && restore.rescaled === undefined && known.includes(topic)) throw beingSetBack(job, topic)
    // Without local states: one that is ahead of the log would keep back outputs that were never appended.
    const from = { log, env, changelog: changelogTopic(job), catalog, states: new Map() }
    const now = fenceFrom(await readCheckpoints(from))
    const topics = [...Object.keys(now), ...known]
    if (!topics.includes(topic)) continue
    const repartitions = Object.keys(catalog.repartitions)
    const earlier = fences.filter((fence) => !hasPassedSources(now, fence))
    readers.push({ job, now, earlier, skipped, topics, repartitions })
  }
  return readers
}

function beingSetBack(job: string, topic: string): RefusedError {
  return new RefusedError(
    'RESTORE_UNFINISHED',
    `Topic ${topic} cannot be rescaled, because job ${job}, which reads it, is being set back, and that is not finished. Start the job on its node ` +
      `("millrace start ${job}"), which finishes it first`,
    { job, topic },
  )
}
