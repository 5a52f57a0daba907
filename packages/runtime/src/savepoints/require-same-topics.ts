import { RefusedError } from '@millrace/core'
import { catalogTopic, changelogTopic } from '@millrace/core/internal'
import { readCatalog } from '../catalog/catalog-topic.ts'
import { topicOfPosition } from '../task/global-key.ts'
import { readCheckpoints } from './saved-positions.ts'
import { savepointDirectory, topicsIn } from './savepoint-directory.ts'
import { copiesOf, type SavepointsOptions } from './savepoints.ts'

/**
 * Throws `TOPIC_REPLACED` if an input of a job is not the topic that it was at a savepoint: the positions of the savepoint would mean other
 * records, and the job would keep back outputs that it never appended.
 */
export async function requireSameTopics(options: SavepointsOptions, savepoint: string): Promise<void> {
  const { job, log, env, data } = options
  const copy = await copiesOf(options).open(topicsIn(savepointDirectory(data, job, savepoint)))
  try {
    const catalog = await readCatalog({ log: copy, env }, catalogTopic(job))
    const saved = { log: copy, env, changelog: changelogTopic(job), catalog, states: new Map() }
    for (const checkpoint of (await readCheckpoints(saved)).values()) {
      for (const [name, { progress }] of checkpoint) {
        const topic = topicOfPosition(name)
        if (!isOfSource(progress)) continue
        const present = await log.admin.describeTopic(topic)
        if (present !== undefined && present.id !== progress.topicId) throw replaced(job, savepoint, topic)
      }
    }
  } finally {
    await copy.close()
  }
}

function isOfSource(progress: unknown): progress is { readonly topicId: string } {
  return (
    typeof progress === 'object' && progress !== null && 'topicId' in progress && typeof progress.topicId === 'string'
  )
}

function replaced(job: string, savepoint: string, topic: string): RefusedError {
  return new RefusedError(
    'TOPIC_REPLACED',
    `Job ${job} cannot be set back to savepoint ${savepoint}, because topic ${topic} is another one since: it was deleted and created again, or ` +
      'it has got another number of partitions. The positions in the savepoint are those of the former topic. Nothing was changed. To compute ' +
      `everything from the start of the inputs, run "millrace rewind ${job} --to start"`,
    { job, topic },
  )
}
