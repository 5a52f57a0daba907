import type { Log, TopicDescription } from '../contracts/log.ts'
import { RefusedError } from '../errors/millrace-error.ts'

/**
 * Opens what belongs to one topic: the result of `open`, if the log has the topic that was described until all is open. Throws
 * `TOPIC_RESCALED` if it has another one under that name by then: otherwise some partitions might belong to the former topic, and keys
 * would go to wrong partitions of the new one.
 */
export async function openSameTopic<T>(
  log: Pick<Log, 'admin'>,
  described: TopicDescription,
  open: () => Promise<T>,
): Promise<T> {
  try {
    const opened = await open()
    await requireSame(log, described)
    return opened
  } catch (error) {
    await requireSame(log, described)
    throw error
  }
}

async function requireSame(log: Pick<Log, 'admin'>, { name, id }: TopicDescription): Promise<void> {
  const now = await log.admin.describeTopic(name)
  if (now === undefined || now.id === id) return
  throw new RefusedError(
    'TOPIC_RESCALED',
    `Topic ${name} was replaced while it was being opened, as "millrace rescale" does. Open it again`,
    { topic: name },
  )
}
