import { deepStrictEqual } from 'node:assert'
import { type Measured, measure, recordsPerSecond } from '../child/measure.ts'
import { withRunDirectory } from '../run-directory.ts'
import { spread } from '../statistics.ts'
import { table } from '../table.ts'
import type { Contest } from './contests.ts'
import { onlyTask, type Results, readResults } from './results.ts'

interface Side {
  readonly measured: Measured
  readonly results: Results
}

/**
 * Runs the loop and the job one after the other, pair by pair, over the same input. The order within a pair changes, so that
 * the warm machine does not always favour the same one. Throws if the two have different results.
 */
export async function runPairs(contest: Contest, records: number, pairs: number): Promise<string> {
  const input = await contest.prepare(records)
  const byHand: Side[] = []
  const onMillrace: Side[] = []
  for (let pair = 0; pair < pairs; pair++) {
    const hand = async () => byHand.push(await runByHand(contest, input))
    const millrace = async () => onMillrace.push(await runOnMillrace(contest, input))
    for (const run of pair % 2 === 0 ? [hand, millrace] : [millrace, hand]) await run()
    const [expected, actual] = [byHand.at(-1), onMillrace.at(-1)]
    deepStrictEqual(actual?.results, expected?.results, `${contest.title}: the job and the loop differ`)
    const read = records + (contest.rows ?? 0)
    deepStrictEqual([actual?.measured.records, expected?.measured.records], [read, read])
  }
  return report(contest, byHand, onMillrace)
}

async function runByHand(contest: Contest, from: string): Promise<Side> {
  return withRunDirectory({ from, topics: contest.inputs }, async (data) => ({
    measured: await measure(contest.byHand, { data }),
    results: await readResults(data, contest, `${data}/state/by-hand`, 0),
  }))
}

async function runOnMillrace(contest: Contest, from: string): Promise<Side> {
  return withRunDirectory({ from, topics: contest.inputs }, async (data) => ({
    measured: await measure(contest.onMillrace, { data }),
    results: await readResults(data, contest, onlyTask(data, contest.job), contest.prefixBytes),
  }))
}

function report({ title }: Contest, byHand: readonly Side[], onMillrace: readonly Side[]): string {
  const ratios = onMillrace.map((side, pair) => rate(side) / rate(byHand[pair]))
  const cpuRatios = onMillrace.map((side, pair) => cpu(byHand[pair]) / cpu(side))
  const row = (name: string, sides: readonly Side[], ratio: string, cpuRatio: string) => [
    name,
    spread(
      sides.map((side) => rate(side) / 1000),
      0,
    ),
    ratio,
    spread(sides.map(cpu), 2),
    cpuRatio,
    spread(
      sides.map((side) => side.measured.memoryPeakMb),
      0,
    ),
  ]
  return table(
    [title, 'thousand records/s', 'ratio', 'CPU s per million', 'ratio', 'peak memory, MB'],
    [row('by hand', byHand, '1', '1'), row('on Millrace', onMillrace, spread(ratios, 2), spread(cpuRatios, 2))],
  )
}

function rate(side: Side | undefined): number {
  return side === undefined ? Number.NaN : recordsPerSecond([side.measured])
}

function cpu(side: Side | undefined): number {
  return side === undefined ? Number.NaN : (side.measured.cpuSeconds / side.measured.records) * 1e6
}
