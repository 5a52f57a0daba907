/** Names in a data directory. Offsets in file names have 20 digits, as in Kafka, so that names sort as offsets do. */

const OFFSET_DIGITS = 20

const RESCALED = '.rescaled-'

const SEGMENT_SUFFIX = '.log'
const INDEX_SUFFIX = '.index'

export function topicsDirectory(data: string): string {
  return `${data}/topics`
}

export function topicDirectory(data: string, topic: string): string {
  return `${data}/topics/${topic}`
}

export function partitionDirectory(data: string, topic: string, partition: number): string {
  return `${data}/topics/${topic}/${partition}`
}

/** Where topics with another number of partitions are made. */
export function rescalingDirectory(data: string): string {
  return `${data}/.rescaling`
}

/** A data directory with one topic: the topic with another number of partitions. */
export function rescalingTopicDirectory(data: string, topic: string): string {
  return `${rescalingDirectory(data)}/${topic}`
}

/** Locked by the process that rescales a topic. No topic's name ends like this and starts with a dot. */
export function rescalingLockPath(data: string, topic: string): string {
  return `${rescalingDirectory(data)}/.${topic}.lock`
}

/** A topic that is made, and takes the place of the one with its name: once this is there, it is decided. */
export function rescaledDirectory(data: string, topic: string): string {
  return `${topicsDirectory(data)}/${RESCALED}${topic}`
}

/** The topic that a name in the directory of topics is about to give another number of partitions; undefined for other names. */
export function rescaledTopic(name: string): string | undefined {
  return name.startsWith(RESCALED) ? name.slice(RESCALED.length) : undefined
}

export function transactionsDirectory(data: string): string {
  return `${data}/transactions`
}

export function journalPath(data: string, journal: string): string {
  return `${data}/transactions/${journal}`
}

/** The final record of a journal that was taken from its owner. */
export function sealedPath(data: string, journal: string): string {
  return `${data}/transactions/${journal}.sealed`
}

export function groupDirectory(data: string, group: string): string {
  return `${data}/jobs/${group}`
}

export function memberPath(data: string, group: string, member: string): string {
  return `${groupDirectory(data, group)}/members/${member}`
}

export function segmentPath(directory: string, baseOffset: number): string {
  return `${directory}/${String(baseOffset).padStart(OFFSET_DIGITS, '0')}${SEGMENT_SUFFIX}`
}

export function indexPath(directory: string, baseOffset: number): string {
  return `${directory}/${String(baseOffset).padStart(OFFSET_DIGITS, '0')}${INDEX_SUFFIX}`
}

/** The base offset in a segment's name; undefined for other files. */
export function segmentBase(name: string): number | undefined {
  if (!name.endsWith(SEGMENT_SUFFIX)) return undefined
  const digits = name.slice(0, -SEGMENT_SUFFIX.length)
  return digits.length === OFFSET_DIGITS && /^\d+$/.test(digits) ? Number(digits) : undefined
}
