/** The options of `topics create`, by the names that the settings of a topic have in programs. */
const OPTION_OF: Readonly<Record<string, string>> = {
  partitions: '--partitions',
  cleanup: '--cleanup',
  retentionMs: '--retention',
  retentionBytes: '--retention-bytes',
  segmentBytes: '--segment-bytes',
  recordBytesMax: '--record-bytes-max',
}

/** The settings. A name that is also an ordinary word counts as a setting only if the message states its value. */
const SETTING = /\b(?:(?:partitions|cleanup)(?= is )|retentionMs|retentionBytes|segmentBytes|recordBytesMax)\b/g

/** A message for users of the command: it names settings as options of the command. */
export function withOptionNames(message: string): string {
  return message.replace(SETTING, (setting) => OPTION_OF[setting] ?? setting)
}
