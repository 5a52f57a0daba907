import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MillraceClient } from '@millrace/client'
import { openFileLog } from '@millrace/connectors/file'
import {
  type JobStatus,
  job,
  json,
  type Log,
  openTopicWriter,
  type Position,
  stream,
  string,
  topic,
  tumbling,
} from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { startContainer, startViewServer } from '@millrace/runtime'

const PARTITIONS = 3
export const HOUR = 3_600_000

export interface Flight {
  readonly origin: string
  readonly destination: string
  readonly at: number
  readonly delay: number
}

export interface Delays {
  readonly flights: number
  readonly minutes: number
}

const flights = topic('flights', { key: string(), value: json<Flight>(), timestamp: (flight) => flight.at })

export const delays = stream(flights)
  .groupByKey()
  .window(tumbling('1h', { grace: '365d' }))
  .aggregate('delays', {
    init: (): Delays => ({ flights: 0, minutes: 0 }),
    add: (total, { delay }) => ({ flights: total.flights + 1, minutes: total.minutes + delay }),
    value: json<Delays>(),
  })

/** A table behind a repartition: each of its parts depends on every partition of `flights`. */
export const arrivals = stream(flights)
  .groupBy((flight) => flight.destination, string())
  .count('arrivals')

const flightDelays = job('flight-delays', delays, arrivals)

/** A running job on its own log, its view server, and a client of that server. */
export interface Running {
  readonly client: MillraceClient
  /** Appends flights and returns the position after them. */
  produce(flights: readonly Flight[]): Promise<Position>
  /**
   * Closes the view server, calls `meanwhile` with a client of a second server, and then starts a server on the first port
   * again. The job continues all the time.
   */
  restartServer(meanwhile: (client: MillraceClient) => Promise<unknown>): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export async function run(commitIntervalMs = 5): Promise<Running> {
  const env = nodeEnv()
  const directory = await mkdtemp(join(tmpdir(), 'millrace-views-'))
  const log = await openFileLog({ directory: join(directory, 'data'), env, durability: 'os' })
  await log.admin.createTopic('flights', { partitions: PARTITIONS })
  const container = await startContainer({
    job: flightDelays,
    log,
    env,
    stateDirectory: join(directory, 'state'),
    commitIntervalMs,
    idleAfterMs: 20,
  })
  let status: JobStatus | undefined
  container.status.subscribe((latest) => {
    status = latest
  })
  const serve = (port: number) =>
    startViewServer({
      job: 'flight-delays',
      views: container.views,
      status: () => status ?? { job: 'flight-delays', phase: 'running', atMs: 0, tasks: [], problems: [] },
      env,
      port,
      token: null,
    })
  let server = await serve(0)
  return {
    client: new MillraceClient(server.url),
    produce: (records) => produce(log, records),
    async restartServer(meanwhile) {
      const other = await serve(0)
      await server.close()
      await meanwhile(new MillraceClient(other.url))
      await other.close()
      server = await serve(Number(new URL(server.url).port))
    },
    async [Symbol.asyncDispose]() {
      await server.close()
      await container.stop()
      await log.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function produce(log: Log, records: readonly Flight[]): Promise<Position> {
  const writer = await openTopicWriter(log, flights)
  await writer.sendAll(records.map((flight) => ({ key: flight.origin, value: flight, timestamp: flight.at })))
  await writer.close()
  const ends: Record<number, number> = {}
  for (let partition = 0; partition < PARTITIONS; partition++) {
    ends[partition] = (await log.admin.offsets('flights', partition)).end
  }
  return { flights: ends }
}
