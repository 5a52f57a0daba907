import { deepStrictEqual } from 'node:assert'
import type { Guarantee } from '@millrace/runtime'
import { type Measured, measure, recordsPerSecond } from '../child/measure.ts'
import type { Contest } from '../jobs/contests.ts'
import { onlyTask, type Results, readResults } from '../jobs/results.ts'
import { withRunDirectory } from '../run-directory.ts'
import { percentile, spread } from '../statistics.ts'
import { table } from '../table.ts'
import { GUARANTEES } from './guarantees.ts'

interface Side {
  readonly measured: Measured
  readonly results: Results
}

/**
 * What exactly-once costs more than at-least-once, at each commit interval. The same job runs over the same input with
 * either guarantee, one after the other, pair by pair, in changing order. Throws if the two have different results.
 */
export async function runCost(
  contest: Contest,
  records: number,
  pairs: number,
  intervalsMs: readonly number[],
): Promise<string> {
  const input = await contest.prepare(records)
  const rows: string[][] = []
  for (const intervalMs of intervalsMs) {
    const sides = new Map<Guarantee, Side[]>(GUARANTEES.map((guarantee) => [guarantee, []]))
    for (let pair = 0; pair < pairs; pair++) {
      for (const guarantee of pair % 2 === 0 ? GUARANTEES : GUARANTEES.toReversed()) {
        const side = await runSide(contest, input, guarantee, intervalMs)
        deepStrictEqual(side.measured.records, records)
        sides.get(guarantee)?.push(side)
      }
      const [least, exactly] = GUARANTEES.map((guarantee) => sides.get(guarantee)?.at(-1)?.results)
      deepStrictEqual(exactly, least, `${contest.title}: the two guarantees differ without any crash`)
    }
    rows.push(...rowsOf(intervalMs, sides))
  }
  return table(
    [
      contest.title,
      'thousand records/s',
      'added time, %',
      'CPU s per million',
      'added CPU, %',
      'commits a run',
      'commit p50, ms',
      'commit p99, ms',
    ],
    rows,
  )
}

async function runSide(contest: Contest, from: string, guarantee: Guarantee, commitIntervalMs: number): Promise<Side> {
  const { job, inputs, output } = contest
  return withRunDirectory({ from, topics: inputs }, async (data) => ({
    measured: await measure('works/guaranteed.ts', { data, job, output, guarantee, commitIntervalMs }),
    results: await readResults(data, contest, onlyTask(data, job), 0),
  }))
}

function rowsOf(intervalMs: number, sides: ReadonlyMap<Guarantee, readonly Side[]>): string[][] {
  const base = sides.get('at-least-once') ?? []
  return [...sides].map(([guarantee, runs]) => {
    // The difference is computed for each pair: what disturbs the machine for longer disturbs both runs.
    const added = (cost: (side: Side | undefined) => number) =>
      guarantee === 'at-least-once'
        ? ''
        : spread(
            runs.map((side, pair) => (cost(side) / cost(base[pair]) - 1) * 100),
            1,
          )
    const percentiles = (part: number) =>
      spread(
        runs.map(({ measured }) => percentile(measured.found, part)),
        1,
      )
    return [
      `${guarantee}, a commit each ${intervalMs} ms`,
      spread(
        runs.map((side) => 1e6 / nanosecondsPerRecord(side)),
        0,
      ),
      added(nanosecondsPerRecord),
      spread(runs.map(cpuPerMillion), 2),
      added(cpuPerMillion),
      spread(
        runs.map(({ measured }) => measured.found.length),
        0,
      ),
      percentiles(0.5),
      percentiles(0.99),
    ]
  })
}

function nanosecondsPerRecord(side: Side | undefined): number {
  return side === undefined ? Number.NaN : 1e9 / recordsPerSecond([side.measured])
}

function cpuPerMillion(side: Side | undefined): number {
  return side === undefined ? Number.NaN : (side.measured.cpuSeconds / side.measured.records) * 1e6
}
