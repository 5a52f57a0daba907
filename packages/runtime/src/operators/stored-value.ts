import { RecordError, type Serde } from '@millrace/core'

/**
 * A value as its store keeps it: what a restart would read. If the store's serde cannot carry the value, throws now and not
 * at the commit, so that it is an error of the record.
 */
export function storedValue(step: string, serde: Serde<unknown>, value: unknown, key: unknown): unknown {
  if (serde.normalize === undefined) return value
  try {
    return serde.normalize(value)
  } catch (cause) {
    throw new RecordError(
      'RECORD_UNENCODABLE',
      `Step ${step} cannot store the value of key ${JSON.stringify(key)} as ${serde.name}: ` +
        `${cause instanceof Error ? cause.message : cause}`,
      { step, cause },
    )
  }
}
