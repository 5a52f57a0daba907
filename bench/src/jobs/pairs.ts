import { deepStrictEqual } from 'node:assert'
import { type Measured, measure, recordsPerSecond } from '../child/measure.ts'
import { prepareFlights, prepareRoutes } from '../flights/prepare.ts'
import { withRunDirectory } from '../run-directory.ts'
import { spread } from '../statistics.ts'
import { table } from '../table.ts'
import { onlyTask, PREFIX_BYTES, type Results, readResults } from './results.ts'

export interface Contest {
  /** What is done, for the table. */
  readonly title: string
  /** Makes a data directory with so many records in the topic `input`. */
  readonly prepare: (records: number) => Promise<string>
  readonly input: string
  readonly job: string
  readonly store: string
  readonly output: string
  readonly byHand: string
  readonly onMillrace: string
}

export const STATELESS: Contest = {
  title: 'stateless: filter and project',
  prepare: prepareFlights,
  input: 'flights',
  job: 'delayed-flights',
  store: 'delays',
  output: 'delayed',
  byHand: 'works/delayed-by-hand.ts',
  onMillrace: 'works/delayed-on-millrace.ts',
}

export const STATEFUL: Contest = {
  title: 'stateful: hourly aggregate by origin, an output per record',
  prepare: prepareFlights,
  input: 'flights',
  job: 'hourly-delays',
  store: 'delays',
  output: 'delays',
  byHand: 'works/hourly-by-hand.ts',
  onMillrace: 'works/hourly-on-millrace.ts',
}

export const NEW_KEYS: Contest = {
  title: 'mostly new keys: total by route and hour, an output per record',
  prepare: prepareRoutes,
  input: 'routes',
  job: 'route-totals',
  store: 'totals',
  output: 'totals',
  byHand: 'works/routes-by-hand.ts',
  onMillrace: 'works/routes-on-millrace.ts',
}

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
    deepStrictEqual([actual?.measured.records, expected?.measured.records], [records, records])
  }
  return report(contest, byHand, onMillrace)
}

async function runByHand({ byHand, output, store, input }: Contest, from: string): Promise<Side> {
  return withRunDirectory({ from, topics: [input] }, async (data) => ({
    measured: await measure(byHand, { data }),
    results: await readResults(data, output, `${data}/state/by-hand`, store, 0),
  }))
}

async function runOnMillrace({ onMillrace, output, store, job, input }: Contest, from: string): Promise<Side> {
  return withRunDirectory({ from, topics: [input] }, async (data) => ({
    measured: await measure(onMillrace, { data }),
    results: await readResults(data, output, onlyTask(data, job), store, PREFIX_BYTES),
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
