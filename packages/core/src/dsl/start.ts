import { isoTime } from '../iso-time.ts'
import type { StartPlan } from '../plan/start-plan.ts'

/**
 * Where a job begins to read a topic that it has never read.
 *
 * - `'earliest'`: at the first record that is there.
 * - `'latest'`: behind the last record that is there when the job starts for the first time.
 * - `{ time }`: in each partition, at the first record whose timestamp in the log is at this time or later; if all are earlier,
 *   behind the last record. An ISO date (UTC if it states no zone), or ms since the epoch.
 * - `{ offsets }`: at an offset for each partition. Partitions that are missing: at their first record.
 */
export type Start =
  | 'earliest'
  | 'latest'
  | { readonly time: string | number }
  | { readonly offsets: Readonly<Record<number, number>> }

/** How a job reads a topic. */
export interface ReadOptions {
  /**
   * Where the job begins in the topic if it has never read it. It is decided once, when the job first starts with the topic, and
   * recorded; from then on the job's commits decide. Default `'earliest'`.
   */
  readonly start?: Start
  /**
   * Whether each task first reads the topic to the end that its partition has when the task starts, and no other input meanwhile: so
   * that a table is complete before it is joined, whatever the times of its records. Default false: in the order of event times.
   */
  readonly bootstrap?: boolean
}

/** A start as the plan has it; validation reports what cannot be one. */
export function startPlan(start: Start | undefined): StartPlan | undefined {
  if (start === undefined || start === 'earliest') return undefined
  if (start === 'latest') return { kind: 'latest' }
  // A job in JavaScript has no compiler.
  const { offsets, time = '' }: { offsets?: Readonly<Record<number, number>>; time?: string | number } = Object(start)
  if (offsets !== undefined) return { kind: 'offsets', offsets: { ...offsets } }
  return { kind: 'time', atMs: typeof time === 'number' ? time : (isoTime(time) ?? Number.NaN) }
}
