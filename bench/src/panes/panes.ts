import { deepStrictEqual } from 'node:assert'
import { type Measured, measure } from '../child/measure.ts'
import { prepareFlights, prepareOneKey } from '../flights/prepare.ts'
import { type Results, readResults } from '../jobs/results.ts'
import { withRunDirectory } from '../run-directory.ts'
import { spread } from '../statistics.ts'
import { table } from '../table.ts'
import { HOPS, hopsOutput } from './hops-job.ts'

interface Side {
  readonly measured: Measured
  readonly results: Results
}

const KEYS = [
  { title: 'one for all flights', prepare: prepareOneKey },
  { title: 'the airport', prepare: prepareFlights },
] as const

/**
 * What a record of hopping windows costs with and without panes: the flights of a day, each ten minutes. The same job runs with both,
 * one after the other, pair by pair, in changing order. Throws if the two have different finals.
 */
export async function runPanes(records: number, pairs: number): Promise<string> {
  const rows: string[][] = []
  for (const { title, prepare } of KEYS) {
    const input = await prepare(records)
    const sides = new Map<boolean, Side[]>([
      [false, []],
      [true, []],
    ])
    for (let pair = 0; pair < pairs; pair++) {
      for (const panes of pair % 2 === 0 ? [false, true] : [true, false]) {
        sides.get(panes)?.push(await runSide(input, panes))
      }
      const [whole, merged] = [sides.get(false)?.at(-1)?.results, sides.get(true)?.at(-1)?.results]
      deepStrictEqual(merged, whole, 'The finals with and without panes differ')
    }
    rows.push(...rowsOf(title, sides))
  }
  return table([`hopping windows, ${HOPS} for each record; key`, 'panes', 'finals', 'CPU µs a record'], rows)
}

async function runSide(from: string, panes: boolean): Promise<Side> {
  return withRunDirectory({ from, topics: ['flights'] }, async (data) => ({
    measured: await measure('works/hops.ts', { data, panes }),
    results: await readResults(data, { output: hopsOutput.name, anyOrder: true, stores: [] }, `${data}/state`, 0),
  }))
}

function rowsOf(title: string, sides: ReadonlyMap<boolean, readonly Side[]>): string[][] {
  return [...sides].map(([panes, runs]) => {
    const cost = runs.map(({ measured: { cpuSeconds, records } }) => (cpuSeconds / records) * 1e6)
    return [title, panes ? 'yes' : 'no', `${runs[0]?.results.outputs}`, spread(cost, 1)]
  })
}
