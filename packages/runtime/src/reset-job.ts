import { type Env, type Log, RefusedError } from '@millrace/core'
import { catalogTopic, changelogTopic, checkName, jobVersion, versionedName } from '@millrace/core/internal'
import { readCatalog } from './catalog/catalog-topic.ts'

/** Which job to reset, and where it has run. */
export interface ResetOptions {
  /** The job's name, for version 1; the name of another version, such as `flight-delays.version-2`. */
  readonly job: string
  readonly log: Log
  readonly env: Env
  /** Where the job's tasks keep their local state: the same as the container's option of that name. */
  readonly stateDirectory: string
}

/**
 * What a job has computed for itself, which a reset deletes. The user's topics, including the job's outputs, are not part of
 * it.
 */
export interface JobTraces {
  /** The job's own topics, the catalog last: it is needed to find the others. */
  readonly topics: readonly string[]
  /** The directory of the local state; it may not exist. */
  readonly stateDirectory: string
}

/** Finds what a reset would delete. Throws `TOPIC_MISSING` for a job that never ran. */
export async function findTraces({ log, env, stateDirectory, ...options }: ResetOptions): Promise<JobTraces> {
  const job = ownName(options.job)
  const there = new Set((await log.admin.listTopics()).map(({ name }) => name))
  const catalog = there.has(catalogTopic(job)) ? await readCatalog({ log, env }, catalogTopic(job)) : undefined
  const own = [changelogTopic(job), ...Object.keys(catalog?.repartitions ?? {}), catalogTopic(job)]
  const topics = own.filter((topic) => there.has(topic))
  if (topics.length === 0) {
    throw new RefusedError(
      'TOPIC_MISSING',
      `Job ${job} cannot be reset: it has never run on ${log.location}. Check its name, or name its data directory with --data`,
      {
        job,
        topic: changelogTopic(job),
      },
    )
  }
  return { topics, stateDirectory: `${stateDirectory}/${job}` }
}

/**
 * Deletes everything that a job has computed for itself, so that its next start computes everything from the start of its
 * inputs, and appends its outputs again. Throws `JOB_RUNNING` while the job runs, and `TOPIC_MISSING` if it never ran. After
 * an interrupted reset, call it again: until the reset is complete, the job's start is refused.
 */
export async function resetJob(options: ResetOptions): Promise<JobTraces> {
  const { log, env } = options
  const claim = await log.claim(ownName(options.job))
  try {
    const traces = await findTraces(options)
    for (const topic of traces.topics) await log.admin.deleteTopic(topic)
    env.files.removeTree(traces.stateDirectory)
    return traces
  } finally {
    await claim.release()
  }
}

function ownName(typed: string): string {
  checkName('job', typed)
  const { job: name, version } = jobVersion(typed)
  return versionedName({ name, version })
}
