import { type Log, RefusedError, type TopicDescription, type TopicSettings } from '@millrace/core'
import { amount, durationText } from '@millrace/core/internal'

/** The properties that a topic of the job's own must have, to hold what the job keeps in it. */
export interface OwnTopic {
  readonly topic: string
  readonly partitions: number
  readonly cleanup: TopicSettings['cleanup']
  /** For a topic that is made now; an existing one may have other sizes. */
  readonly segmentBytes: number
  readonly recordBytesMax: number
}

/** Finds one of the job's own topics among the existing ones, or creates it. Throws as `requireFit` does. */
export async function findOrCreate(
  log: Log,
  descriptions: ReadonlyMap<string, TopicDescription>,
  job: string,
  own: OwnTopic,
): Promise<TopicDescription> {
  const there = descriptions.get(own.topic) ?? (await createOrFind(log, own))
  requireFit(there, job, own)
  return there
}

/**
 * Throws `JOB_TOPIC_UNFIT` for a topic that would lose what the job keeps in it, or that spreads it differently: another
 * program may have created it.
 */
export function requireFit(there: TopicDescription, job: string, own: OwnTopic): void {
  const problems = [
    there.cleanup === own.cleanup ? [] : `its cleanup is ${there.cleanup}, and must be ${own.cleanup}`,
    there.retentionMs === null
      ? []
      : `it deletes records after ${durationText(there.retentionMs)}, and must keep all of them`,
    there.retentionBytes === null
      ? []
      : `it deletes records past ${there.retentionBytes} bytes, and must keep all of them`,
    there.partitions === own.partitions
      ? []
      : `it has ${amount(there.partitions, 'partition')}, and the job needs ${own.partitions}`,
  ].flat()
  if (problems.length === 0) return
  throw new RefusedError(
    'JOB_TOPIC_UNFIT',
    `Topic ${own.topic} cannot be used by job ${job} as its own: ${problems.join('; ')}. Run the job under another name, or run ` +
      `"millrace reset ${job}". The job then creates the topic itself, and computes everything from the start of its inputs`,
    { job, topic: own.topic },
  )
}

/** Several containers of a job may start at once: the first creates the topic. */
async function createOrFind(log: Log, { topic, ...settings }: OwnTopic): Promise<TopicDescription> {
  try {
    return await log.admin.createTopic(topic, settings)
  } catch (error) {
    const made = error instanceof RefusedError && error.code === 'TOPIC_EXISTS'
    const found = made ? await log.admin.describeTopic(topic) : undefined
    if (found === undefined) throw error
    return found
  }
}
