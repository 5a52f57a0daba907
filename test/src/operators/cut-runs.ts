import { rmSync } from 'node:fs'
import type { Job } from '@millrace/core'
import fc from 'fast-check'
import { COMMIT_POINTS, type CommitPoint, Cut, cutLog, guaranteeAt } from '../runtime/cut-log.ts'
import type { JobWorld } from '../runtime/job-world.ts'

/** A run of a job over a part of its input that is cut off at a commit, and what is lost after it. */
export interface CutRun {
  readonly point: CommitPoint
  /** The run is cut off when it comes to the point for the so manieth time. */
  readonly countdown: number
  readonly loseState: boolean
  readonly commitIntervalMs: number
}

export const cutRuns: fc.Arbitrary<readonly CutRun[]> = fc.array(
  fc.record({
    point: fc.constantFrom(...COMMIT_POINTS),
    countdown: fc.integer({ min: 1, max: 6 }),
    loseState: fc.boolean(),
    commitIntervalMs: fc.integer({ min: 1, max: 4 }),
  }),
  { minLength: 1, maxLength: 4 },
)

/**
 * Runs a job over `inputs` records in as many pieces as there are runs, each cut off, and then to the end. `produce` appends
 * the records from one number to another.
 */
export async function runCut(
  world: JobWorld,
  job: Job,
  runs: readonly CutRun[],
  inputs: number,
  produce: (from: number, to: number) => Promise<void>,
): Promise<void> {
  let produced = 0
  for (const [index, { point, countdown, loseState, commitIntervalMs }] of runs.entries()) {
    const to = Math.round((inputs * (index + 1)) / runs.length)
    await produce(produced, to)
    produced = to
    const options = { log: cutLog(world.log, point, countdown), guarantee: guaranteeAt(point), commitIntervalMs }
    const outcome = await world.runToEnd(job, options).catch((error: unknown) => error)
    if (outcome !== undefined && !(outcome instanceof Cut)) throw outcome
    if (loseState) rmSync(world.stateDirectory, { recursive: true, force: true })
  }
  await world.runToEnd(job)
}

/** What the values of a topic come to, key by key, in the order in which they came: the rows of a table of it. */
export function rowsOf<V>(records: readonly { readonly key: string; readonly value: V | null }[]): Map<string, V> {
  const rows = new Map<string, V>()
  for (const { key, value } of records) {
    if (value === null) rows.delete(key)
    else rows.set(key, value)
  }
  return rows
}
