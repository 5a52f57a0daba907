import { strictEqual } from 'node:assert'
import { openFileLog } from '@millrace/connectors/file'
import { nodeEnv } from '@millrace/core/node'
import { measureTogether } from '../child/measure.ts'
import { withRunDirectory } from '../run-directory.ts'
import { percentile, spread } from '../statistics.ts'
import { table } from '../table.ts'

/** Long enough for the reader to be asleep again. */
const PAUSE_MS = 5

/** Measures the time from an append until a sleeping reader in another process has the record, and what its sleep costs. */
export async function runWakeUp(records: number, repeats: number): Promise<string> {
  const halves: number[] = []
  const slowest: number[] = []
  const busy: number[] = []
  for (let repeat = 0; repeat < repeats; repeat++) {
    await withRunDirectory(undefined, async (data) => {
      const log = await openFileLog({ directory: data, env: nodeEnv() })
      await log.admin.createTopic('ticks')
      await log.close()
      const [follower] = await measureTogether([
        ['works/follow.ts', { data, records, topic: 'ticks' }],
        ['works/tick.ts', { data, records, pauseMs: PAUSE_MS }],
      ])
      const latencies = follower?.found ?? []
      strictEqual(latencies.length, records, 'the reader did not get every record once')
      halves.push(percentile(latencies, 0.5) / 1000)
      slowest.push(percentile(latencies, 0.99) / 1000)
      const elapsedMs = (follower?.endMs ?? 0) - (follower?.startMs ?? 0)
      busy.push(((follower?.cpuSeconds ?? 0) / elapsedMs) * 1e5)
    })
  }
  return table(
    ['wake-up of a blocked reader', 'p50, ms', 'p99, ms', 'CPU of the reader, %'],
    [[`one record each ${PAUSE_MS} ms, by another process`, spread(halves, 2), spread(slowest, 2), spread(busy, 0)]],
  )
}
