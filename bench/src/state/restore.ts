import { equal } from 'node:assert'
import { rmSync } from 'node:fs'
import { type Measured, measure } from '../child/measure.ts'
import { prepareRoutes } from '../flights/prepare.ts'
import { TopicReader } from '../hand-written/topic-reader.ts'
import { onlyTask, readTotals, TIMED_PREFIX_BYTES } from '../jobs/results.ts'
import { withRunDirectory } from '../run-directory.ts'
import { spread } from '../statistics.ts'
import { table } from '../table.ts'

/** The fastest of 100, 1000, 10,000 and 100,000. */
const BATCH_ENTRIES = 10_000

/**
 * Restores the state of the job with mostly new keys from its changelog, and writes the same entries with a bare loop, in
 * turns. A restore includes the start of its process's job, and the changelog's checksums on both sides.
 */
export async function runRestore(flights: number, pairs: number): Promise<string> {
  const from = await prepareRoutes(flights)
  return withRunDirectory({ from, topics: ['routes'] }, async (data) => {
    await measure('works/routes-on-millrace.ts', { data })
    const changelog = `${data}/topics/route-totals.changelog/0`
    const entries = countRecords(changelog)
    const expected = await readTotals(onlyTask(data, 'route-totals'), 'totals\0', 'totals\x01', TIMED_PREFIX_BYTES)
    const byHand: Measured[] = []
    const onMillrace: Measured[] = []
    for (let pair = 0; pair < pairs; pair++) {
      const hand = async () => {
        byHand.push(await measure('works/restore-by-hand.ts', { data, changelog, batchEntries: BATCH_ENTRIES }))
        rmSync(`${data}/state/by-hand`, { recursive: true })
      }
      const millrace = async () => {
        rmSync(`${data}/state/route-totals`, { recursive: true })
        onMillrace.push(await measure('works/routes-on-millrace.ts', { data }))
        const restored = await readTotals(onlyTask(data, 'route-totals'), 'totals\0', 'totals\x01', TIMED_PREFIX_BYTES)
        equal(restored.stateDigest, expected.stateDigest, 'The restored state differs')
      }
      for (const run of pair % 2 === 0 ? [hand, millrace] : [millrace, hand]) await run()
    }
    const seconds = ({ startMs, endMs }: Measured) => (endMs - startMs) / 1000
    const row = (name: string, runs: readonly Measured[]) => [
      name,
      spread(
        runs.map((run) => entries / seconds(run) / 1000),
        0,
      ),
      spread(
        runs.map((run, pair) => seconds(byHand[pair] ?? run) / seconds(run)),
        2,
      ),
      spread(
        runs.map((run) => (run.cpuSeconds / entries) * 1e6),
        2,
      ),
      spread(
        runs.map((run) => run.memoryPeakMb),
        0,
      ),
    ]
    return table(
      [`restore of ${expected.totals} keys`, 'thousand entries/s', 'ratio', 'CPU s per million', 'peak memory, MB'],
      [row('bare loop', byHand), row('on Millrace', onMillrace)],
    )
  })
}

function countRecords(directory: string): number {
  const records = new TopicReader(directory)
  while (records.nextBatch()) while (records.next());
  return records.records
}
