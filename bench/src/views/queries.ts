import { openFileLog } from '@millrace/connectors/file'
import { string, windowed } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { startContainer, startViewServer } from '@millrace/runtime'
import { measure, recordsPerSecond } from '../child/measure.ts'
import { prepareFlights } from '../flights/prepare.ts'
import { TopicReader } from '../hand-written/topic-reader.ts'
import { hourlyDelays } from '../jobs/millrace-jobs.ts'
import { runJob } from '../jobs/run-job.ts'
import { withRunDirectory } from '../run-directory.ts'
import { percentile, spread } from '../statistics.ts'
import { table } from '../table.ts'

const CONNECTIONS = 50
/** The number of different keys that are queried, so that a single block of LevelDB cannot answer all queries. */
const KEYS_MAX = 5000
const KEY = windowed(string())

/** Queries the view server for one key and window at a time, from another process, while the job waits for records. */
export async function runQueries(flights: number, requests: number, repeats: number): Promise<string> {
  const input = await prepareFlights(flights)
  return withRunDirectory({ from: input, topics: ['flights'] }, async (data) => {
    await runJob(data, hourlyDelays, 'delays')
    const paths = someKeys(data, flights).join(' ')
    const env = nodeEnv()
    const log = await openFileLog({ directory: data, env })
    const container = await startContainer({ job: hourlyDelays, log, env, stateDirectory: `${data}/state` })
    const server = await startViewServer({
      job: hourlyDelays.name,
      views: container.views,
      status: noStatus,
      env,
      token: null,
    })
    const rates: number[] = []
    const halves: number[] = []
    const slowest: number[] = []
    for (let repeat = 0; repeat < repeats; repeat++) {
      const options = { url: server.url, paths, requests, connections: CONNECTIONS }
      const measured = await measure('works/query.ts', options)
      rates.push(recordsPerSecond([measured]) / 1000)
      halves.push(percentile(measured.found, 0.5))
      slowest.push(percentile(measured.found, 0.99))
    }
    await server.close()
    await container.stop()
    await log.close()
    return table(
      ['view server', 'thousand requests/s', 'p50, ms', 'p99, ms'],
      [[`GET by key and window, ${CONNECTIONS} connections`, spread(rates, 1), spread(halves, 1), spread(slowest, 1)]],
    )
  })
}

function someKeys(data: string, flights: number): string[] {
  const outputs = new TopicReader(`${data}/topics/delays/0`)
  const paths = new Set<string>()
  const step = Math.max(1, Math.floor(flights / KEYS_MAX))
  while (outputs.nextBatch()) {
    while (outputs.next()) {
      if (outputs.records % step !== 0) continue
      const { key, window } = KEY.decode(outputs.bytes, outputs.keyStart, outputs.keyEnd)
      paths.add(`/views/delays/value?key=${encodeURIComponent(key)}&window=${window.start}`)
    }
  }
  return [...paths]
}

/** No query here reads the status. */
function noStatus(): never {
  throw new Error('This server has no status')
}
