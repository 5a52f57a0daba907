/** The options of `topics create`, by the names that the settings of a topic have in programs. */
const OPTION_OF: Readonly<Record<string, string>> = {
  partitions: '--partitions',
  cleanup: '--cleanup',
  retentionMs: '--retention',
  retentionBytes: '--retention-bytes',
  segmentBytes: '--segment-bytes',
  recordBytesMax: '--record-bytes-max',
}

/** Those that are also words are settings only where a value is said of them. */
const SETTING = /\b(?:(?:partitions|cleanup)(?= is )|retentionMs|retentionBytes|segmentBytes|recordBytesMax)\b/g

/** A message for those who use the command: settings are named as its options. */
export function withOptionNames(message: string): string {
  return message.replace(SETTING, (setting) => OPTION_OF[setting] ?? setting)
}
