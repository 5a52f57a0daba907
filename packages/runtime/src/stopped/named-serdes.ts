import { bytes, float64, int32, int64, json, msgpack, type Serde, string } from '@millrace/core'
import { resultsOfTotals } from '@millrace/core/internal'
import { anySerde } from '../operators/any-serde.ts'

/**
 * Millrace's own serdes, which read what they wrote without the job's code. JSON that a schema has checked is read like any
 * other, and totals of ready-made folds as their results.
 */
const SERDES = [string(), json(), bytes(), int32(), int64(), float64(), msgpack(), resultsOfTotals()]

/** The serde that a store's meaning names; undefined for a serde that the job's own code makes. */
export function namedSerde(name: string): Serde<unknown> | undefined {
  const serde = SERDES.find((each) => each.name === name)
  return serde && anySerde(serde as Serde<never>)
}
