import { RefusedError, type TopicSettings } from '@millrace/core'

/** Enough for one machine, and a directory of that size can still be listed. */
const PARTITIONS_MAX = 10_000
/** With smaller segments, a partition would be nothing but files. */
const SEGMENT_BYTES_MIN = 1024
const SEGMENT_BYTES_DEFAULT = 256 * 1024 * 1024
const RECORD_BYTES_MAX_DEFAULT = 1024 * 1024
/** A batch's length is a 31-bit number, and a record must fit into one with room to spare. */
const RECORD_BYTES_MAX_LIMIT = 1024 * 1024 * 1024

/** A topic's settings with the defaults filled in. Throws `BAD_TOPIC_SETTINGS` with everything that is wrong. */
export function fillSettings(topic: string, given: Partial<TopicSettings>): TopicSettings {
  const settings: TopicSettings = {
    partitions: given.partitions ?? 1,
    cleanup: given.cleanup ?? 'delete',
    retentionMs: given.retentionMs ?? null,
    retentionBytes: given.retentionBytes ?? null,
    segmentBytes: given.segmentBytes ?? SEGMENT_BYTES_DEFAULT,
    recordBytesMax: given.recordBytesMax ?? RECORD_BYTES_MAX_DEFAULT,
  }
  const problems: string[] = []
  const check = (name: keyof TopicSettings, from: number, to: number) => {
    const value = settings[name]
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= from && value <= to) return
    problems.push(`${name} is ${JSON.stringify(value)}, not a whole number from ${from} to ${to}`)
  }
  check('partitions', 1, PARTITIONS_MAX)
  check('segmentBytes', SEGMENT_BYTES_MIN, Number.MAX_SAFE_INTEGER)
  check('recordBytesMax', 1, RECORD_BYTES_MAX_LIMIT)
  if (settings.retentionMs !== null) check('retentionMs', 1, Number.MAX_SAFE_INTEGER)
  if (settings.retentionBytes !== null) check('retentionBytes', 1, Number.MAX_SAFE_INTEGER)
  if (settings.cleanup !== 'delete' && settings.cleanup !== 'compact') {
    problems.push(`cleanup is ${JSON.stringify(settings.cleanup)}, neither "delete" nor "compact"`)
  }
  if (problems.length === 0) return settings
  throw new RefusedError('BAD_TOPIC_SETTINGS', `Topic ${topic} cannot be created: ${problems.join('; ')}`, { topic })
}
