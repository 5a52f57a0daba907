import { job, json, stream, string, topic } from '@millrace/core'

/** The records that make the state: each key has one value of about `VALUE_BYTES`. */
export const entries = topic('entries', { key: string(), value: json<string>() })

export const VALUE_BYTES = 1000

/** A job with one task, which keeps the last value of each key. */
export const keptJob = job(
  'kept',
  stream(entries)
    .groupByKey()
    .reduce('kept', (_, value) => value),
)
