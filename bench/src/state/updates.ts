import { deepStrictEqual } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { type Measured, measure, recordsPerSecond } from '../child/measure.ts'
import { onlyTask, readTotals, TIMED_PREFIX_BYTES } from '../jobs/results.ts'
import { spread } from '../statistics.ts'
import { table } from '../table.ts'
import { copyData, prepareAccounts } from './accounts.ts'

/** Totals of these accounts are compared after each pair: all would take longer than the updates. */
const COMPARED = ['totals\0account-00000000', 'totals\0account-00100000'] as const

interface Side {
  readonly measured: Measured
  readonly totals: unknown
}

/** Updates random keys of a large store, by a loop and by a job, one after the other, pair by pair. */
export async function runUpdates(accounts: number, updates: number, pairs: number): Promise<string> {
  const prepared = await prepareAccounts(accounts, updates)
  const byHand: Side[] = []
  const onMillrace: Side[] = []
  for (let pair = 0; pair < pairs; pair++) {
    const hand = async () => byHand.push(await runSide(prepared, 'by-hand'))
    const millrace = async () => onMillrace.push(await runSide(prepared, 'on-millrace'))
    for (const run of pair % 2 === 0 ? [hand, millrace] : [millrace, hand]) await run()
    const [expected, actual] = [byHand.at(-1), onMillrace.at(-1)]
    deepStrictEqual(actual?.totals, expected?.totals, 'The job and the loop differ')
    deepStrictEqual([actual?.measured.records, expected?.measured.records], [updates, updates])
  }
  const row = (name: string, sides: readonly Side[]) => [
    name,
    spread(
      sides.map(({ measured }) => recordsPerSecond([measured]) / 1000),
      1,
    ),
    spread(sides.map(cpu), 2),
    spread(
      sides.map((side, pair) => cpu(side) / cpu(byHand[pair])),
      2,
    ),
    spread(
      sides.map(({ measured }) => measured.memoryPeakMb),
      0,
    ),
  ]
  return table(
    [`random updates of ${accounts} keys`, 'thousand updates/s', 'CPU s per million', 'ratio', 'peak memory, MB'],
    [row('by hand', byHand), row('on Millrace', onMillrace)],
  )
}

async function runSide(prepared: string, side: 'by-hand' | 'on-millrace'): Promise<Side> {
  // Beside what it is copied from: files can be shared within one file system.
  const data = mkdtempSync(`${prepared}/run-`)
  try {
    copyData(`${prepared}/${side}`, data)
    const measured = await measure(`works/accounts-${side}.ts`, { data })
    const [state, prefixBytes] =
      side === 'by-hand' ? [`${data}/state/by-hand`, 0] : [onlyTask(data, 'account-totals'), TIMED_PREFIX_BYTES]
    return { measured, totals: await readTotals(state, ...COMPARED, prefixBytes) }
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

function cpu(side: Side | undefined): number {
  return side === undefined ? Number.NaN : (side.measured.cpuSeconds / side.measured.records) * 1e6
}
