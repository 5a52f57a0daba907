import { deepStrictEqual } from 'node:assert'
import { type Measured, measure } from '../child/measure.ts'
import { prepareFlights, prepareOneKey } from '../flights/prepare.ts'
import { type Results, readResults } from '../jobs/results.ts'
import { withRunDirectory } from '../run-directory.ts'
import { spread } from '../statistics.ts'
import { table } from '../table.ts'
import { hopsOutput } from './hops-job.ts'

interface Side {
  readonly measured: Measured
  readonly results: Results
}

const MINUTE_MS = 60_000
const DAY = { size: 1440 * MINUTE_MS, advance: 10 * MINUTE_MS }

const CASES = [
  { title: 'one for all flights', prepare: prepareOneKey, ...DAY },
  { title: 'the airport', prepare: prepareFlights, ...DAY },
  // Less than one flight of an airport in each pane.
  { title: 'the airport', prepare: prepareFlights, size: 60 * MINUTE_MS, advance: MINUTE_MS },
] as const

type Case = (typeof CASES)[number]

/**
 * What a record of hopping windows costs with and without panes: the flights of a day, each ten minutes, and of an hour, each minute. The
 * same job runs with both, one after the other, pair by pair, in changing order. Throws if the two have different finals.
 */
export async function runPanes(records: number, pairs: number): Promise<string> {
  const rows: string[][] = []
  for (const each of CASES) {
    const input = await each.prepare(records)
    const sides = new Map<boolean, Side[]>([
      [false, []],
      [true, []],
    ])
    for (let pair = 0; pair < pairs; pair++) {
      for (const panes of pair % 2 === 0 ? [false, true] : [true, false]) {
        sides.get(panes)?.push(await runSide(input, each, panes))
      }
      const [whole, merged] = [sides.get(false)?.at(-1)?.results, sides.get(true)?.at(-1)?.results]
      deepStrictEqual(merged, whole, 'The finals with and without panes differ')
    }
    rows.push(...rowsOf(each, sides))
  }
  return table(['hopping windows: key', 'windows of a record', 'panes', 'finals', 'CPU µs a record'], rows)
}

async function runSide(from: string, { size, advance }: Case, panes: boolean): Promise<Side> {
  return withRunDirectory({ from, topics: ['flights'] }, async (data) => ({
    measured: await measure('works/hops.ts', { data, size, advance, panes }),
    results: await readResults(data, { output: hopsOutput.name, anyOrder: true, stores: [] }, `${data}/state`, 0),
  }))
}

function rowsOf({ title, size, advance }: Case, sides: ReadonlyMap<boolean, readonly Side[]>): string[][] {
  return [...sides].map(([panes, runs]) => {
    const cost = runs.map(({ measured: { cpuSeconds, records } }) => (cpuSeconds / records) * 1e6)
    return [title, `${size / advance}`, panes ? 'yes' : 'no', `${runs[0]?.results.outputs}`, spread(cost, 1)]
  })
}
