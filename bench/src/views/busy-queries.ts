import { strictEqual } from 'node:assert'
import { createServer } from 'node:http'
import { openFileLog } from '@millrace/connectors/file'
import type { JobStatus } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { type Container, startContainer, startViewServer } from '@millrace/runtime'
import { filter, firstValueFrom } from 'rxjs'
import { measure, recordsPerSecond } from '../child/measure.ts'
import { prepareFlights } from '../flights/prepare.ts'
import { hourlyDelays } from '../jobs/millrace-jobs.ts'
import { withRunDirectory } from '../run-directory.ts'
import { median, percentile, spread } from '../statistics.ts'
import { table } from '../table.ts'

const CONNECTIONS = 50
/** 2001-01-01T08:00Z: the job has passed it after a moment. */
const WINDOW = 978336000000
const VALUE = `value?window=${WINDOW}`
const PAGE = 'windows?limit=10'
const KEYS = ['ATL', 'ORD', 'DFW', 'LAX', 'PHX', 'DEN', 'DTW', 'IAH', 'MSP', 'SFO']
/** What a view answers for one key and window, as the bare server does for every request. */
const ANSWER = JSON.stringify({
  key: 'ATL',
  window: { start: WINDOW, end: WINDOW + 3_600_000 },
  value: { flights: 3, minutes: 52 },
  position: 'flights/0=1200000',
})

/** The flights of the first day have come. */
const FIRST_FLIGHTS = 20_000

interface Served {
  readonly port: number
  close(): Promise<void>
}

/** Starts what answers the queries, in the process of the job. */
type Serve = (container: Container) => Promise<Served>

/**
 * Queries a server in the process of a job that runs at full speed: the view server, and one of `node:http` alone that answers
 * with as many bytes. The job has records to process during all of a run.
 */
export async function runBusyQueries(flights: number, requests: number, repeats: number): Promise<string> {
  const input = await prepareFlights(flights)
  const variants: readonly (readonly [string, string, Serve])[] = [
    ['view server: value of a key and window', VALUE, viewServer],
    ['view server: page of 10 windows of a key', PAGE, viewServer],
    ['bare `node:http`', VALUE, bareServer],
  ]
  const runs = variants.map(([name]) => ({ name, rates: [] as number[], slowestMs: [] as number[] }))
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [at, [, query, serve]] of variants.entries()) {
      const measured = await queried(input, requests, query, serve)
      runs[at]?.rates.push(measured.rate)
      runs[at]?.slowestMs.push(measured.slowestMs)
    }
  }
  const bare = median(runs.at(-1)?.rates ?? [])
  return table(
    [`${CONNECTIONS} connections, the job at full speed`, 'thousand requests/s', 'of the bare server', 'p99, ms'],
    runs.map(({ name, rates, slowestMs }) => [
      name,
      spread(rates, 2),
      (median(rates) / bare).toFixed(2),
      spread(slowestMs, 1),
    ]),
  )
}

async function queried(
  input: string,
  requests: number,
  query: string,
  serve: Serve,
): Promise<{ rate: number; slowestMs: number }> {
  return withRunDirectory({ from: input, topics: ['flights'] }, async (data) => {
    const env = nodeEnv()
    const log = await openFileLog({ directory: data, env })
    await log.admin.createTopic('delays')
    const container = await startContainer({ job: hourlyDelays, log, env, stateDirectory: `${data}/state` })
    const server = await serve(container)
    const paths = KEYS.map((key) => `/views/delays/${query}&key=${key}`).join(' ')
    await passed(container, FIRST_FLIGHTS)
    const url = `http://127.0.0.1:${server.port}`
    const measured = await measure('works/query.ts', { url, paths, requests, connections: CONNECTIONS })
    const { tasks } = await firstValueFrom(container.status)
    const lag = tasks.flatMap(({ inputs }) => inputs.map(({ offset, endOffset }) => endOffset - offset))
    strictEqual(Math.max(...lag) > 0, true, 'the job was done before the queries were: give it more flights')
    await server.close()
    await container.stop()
    await log.close()
    return { rate: recordsPerSecond([measured]) / 1000, slowestMs: percentile(measured.found, 0.99) }
  })
}

/** Resolves when the job has processed so many records. */
async function passed({ status }: Container, records: number): Promise<void> {
  const processed = ({ tasks }: JobStatus) => tasks.reduce((sum, { counts }) => sum + counts.processed, 0)
  await firstValueFrom(status.pipe(filter((each) => processed(each) > records)))
}

async function viewServer({ views }: Container): Promise<Served> {
  const server = await startViewServer({ job: hourlyDelays.name, views, status: noStatus, env: nodeEnv(), token: null })
  return { port: Number(new URL(server.url).port), close: () => server.close() }
}

async function bareServer(): Promise<Served> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length }).end(ANSWER)
  })
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** No query here reads the status. */
function noStatus(): never {
  throw new Error('This server has no status')
}
