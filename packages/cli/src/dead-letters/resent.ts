import { json, type Log, MillraceError, readTopic, string, type TopicDescription, topic } from '@millrace/core'

/** How far a partition of dead letters was sent again. */
interface Resent {
  /** The id of the topic: another topic of the same name begins at its start. */
  readonly id: string
  /** The offset of the first dead letter that was not considered. */
  readonly next: number
}

/** Remembers how far each topic of dead letters was sent again, in the same transactions that send the records. */
export const RESENT = topic('millrace.resent', { key: string(), value: json<Resent>() })

/** The key under which a partition is remembered. */
export function resentKey(name: string, partition: number): string {
  return `${name}/${partition}`
}

/** For each partition of a topic of dead letters, the offset of the first one that was not considered by `resend`. */
export async function resentBefore(log: Log, { name, id, partitions }: TopicDescription): Promise<readonly number[]> {
  const before = Array.from({ length: partitions }, () => 0)
  if ((await log.admin.describeTopic(RESENT.name)) === undefined) return before
  const numbers = new Map(before.map((_, partition) => [resentKey(name, partition), partition]))
  for await (const { key, value } of readTopic(log, RESENT, { untilEnd: true })) {
    const partition = numbers.get(key)
    if (partition !== undefined && value?.id === id) before[partition] = value.next
  }
  return before
}

/** Creates the topic if it does not exist. */
export async function makeResentTopic(log: Log): Promise<void> {
  if ((await log.admin.describeTopic(RESENT.name)) !== undefined) return
  try {
    await log.admin.createTopic(RESENT.name, { cleanup: 'compact' })
  } catch (error) {
    // A command for another topic has just created it.
    if (!(error instanceof MillraceError) || error.code !== 'TOPIC_EXISTS') throw error
  }
}
