import { strictEqual } from 'node:assert'
import { openFileLog } from '@millrace/connectors/file'
import { nodeEnv } from '@millrace/core/node'
import type { Guarantee } from '@millrace/runtime'
import { measureTogether } from '../child/measure.ts'
import { GUARANTEES } from '../guarantee/guarantees.ts'
import { withRunDirectory } from '../run-directory.ts'
import { percentile, spread } from '../statistics.ts'
import { table } from '../table.ts'

/**
 * Measures the time from an append to a stateless job's input until the output can be read. One process appends, another
 * runs the job, and a third reads only what is committed. Measured with either guarantee, at each commit interval.
 */
export async function runVisible(
  records: number,
  pauseMs: number,
  repeats: number,
  intervalsMs: readonly number[],
): Promise<string> {
  const rows: string[][] = []
  for (const intervalMs of intervalsMs) {
    const runs = new Map<Guarantee, (readonly number[])[]>(GUARANTEES.map((guarantee) => [guarantee, []]))
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const guarantee of repeat % 2 === 0 ? GUARANTEES : GUARANTEES.toReversed()) {
        runs.get(guarantee)?.push(await latenciesOf(guarantee, intervalMs, records, pauseMs))
      }
    }
    for (const [guarantee, latencies] of runs) {
      const percentiles = (part: number) =>
        spread(
          latencies.map((each) => percentile(each, part) / 1000),
          1,
        )
      rows.push([`${guarantee}, a commit each ${intervalMs} ms`, percentiles(0.5), percentiles(0.99)])
    }
  }
  return table([`through a stateless job, a record each ${pauseMs} ms`, 'p50, ms', 'p99, ms'], rows)
}

async function latenciesOf(
  guarantee: Guarantee,
  commitIntervalMs: number,
  records: number,
  pauseMs: number,
): Promise<readonly number[]> {
  return withRunDirectory(undefined, async (data) => {
    const log = await openFileLog({ directory: data, env: nodeEnv() })
    await log.admin.createTopic('ticks')
    await log.admin.createTopic('passed-on')
    await log.close()
    const [follower] = await measureTogether([
      ['works/follow.ts', { data, records, topic: 'passed-on' }],
      ['works/pass-on.ts', { data, records, guarantee, commitIntervalMs }],
      ['works/tick.ts', { data, records, pauseMs }],
    ])
    const latencies = follower?.found ?? []
    strictEqual(latencies.length, records, 'the job did not pass on every record once')
    return latencies
  })
}
