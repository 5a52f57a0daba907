import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MillraceClient, type ViewEvent, type WindowedEntry } from '@millrace/client'
import { openFileLog } from '@millrace/connectors'
import {
  ByteWriter,
  formatPosition,
  type JobStatus,
  job,
  json,
  type Log,
  NO_HEADERS,
  type Position,
  reaches,
  stream,
  string,
  topic,
  tumbling,
} from '@millrace/core'
import { partitionOf } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { startContainer, startViewServer } from '@millrace/runtime'
import { array, asyncProperty, assert as check, constantFrom, integer, record } from 'fast-check'
import { expect, test } from 'vitest'

const PARTITIONS = 3
const HOUR = 3_600_000

interface Flight {
  readonly origin: string
  readonly destination: string
  readonly at: number
  readonly delay: number
}

interface Delays {
  readonly flights: number
  readonly minutes: number
}

const flights = topic('flights', { key: string(), value: json<Flight>(), timestamp: (flight) => flight.at })

const delays = stream(flights)
  .groupByKey()
  .window(tumbling('1h', { grace: '365d' }))
  .aggregate('delays', {
    init: (): Delays => ({ flights: 0, minutes: 0 }),
    add: (total, { delay }) => ({ flights: total.flights + 1, minutes: total.minutes + delay }),
    value: json<Delays>(),
  })

/** Behind a repartition: a part of it depends on every partition of `flights`. */
const arrivals = stream(flights)
  .groupBy((flight) => flight.destination, string())
  .count('arrivals')

const flightDelays = job('flight-delays', delays, arrivals)

const airports = ['ATL', 'BOS', 'DEN', 'JFK', 'ORD', 'SEA', 'SFO']

const someFlights = array(
  record({
    origin: constantFrom(...airports),
    destination: constantFrom(...airports),
    at: integer({ min: 0, max: 20 * HOUR }),
    delay: integer({ min: -20, max: 300 }),
  }),
  { minLength: 1, maxLength: 200 },
)

/** A running job on a log of its own, its view server, and a client of that. */
interface Running {
  readonly client: MillraceClient
  readonly url: string
  /** Appends flights and returns the position behind them. */
  produce(flights: readonly Flight[]): Promise<Position>
  [Symbol.asyncDispose](): Promise<void>
}

async function run(): Promise<Running> {
  const env = nodeEnv()
  const directory = await mkdtemp(join(tmpdir(), 'millrace-views-'))
  const log = await openFileLog({ directory: join(directory, 'data'), env, durability: 'os' })
  await log.admin.createTopic('flights', { partitions: PARTITIONS })
  const container = await startContainer({
    job: flightDelays,
    log,
    env,
    stateDirectory: join(directory, 'state'),
    commitIntervalMs: 5,
    idleAfterMs: 20,
  })
  let status: JobStatus | undefined
  container.status.subscribe((latest) => {
    status = latest
  })
  const server = await startViewServer({
    job: 'flight-delays',
    views: container.views,
    status: () => status ?? { job: 'flight-delays', phase: 'running', atMs: 0, tasks: [] },
    env,
  })
  return {
    client: new MillraceClient(server.url),
    url: server.url,
    produce: (records) => produce(log, records),
    async [Symbol.asyncDispose]() {
      await server.close()
      await container.stop()
      await log.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function produce(log: Log, records: readonly Flight[]): Promise<Position> {
  const writer = log.openWriter()
  for (const flight of records) {
    const key = new ByteWriter()
    flights.key.encode(flight.origin, key)
    const partition = await writer.openPartition('flights', partitionOf(key.buffer, 0, key.position, PARTITIONS))
    partition.append(flight.at, key.buffer, 0, key.position, flight, flights.value, NO_HEADERS)
  }
  await writer.flush()
  await writer.close()
  const ends: Record<number, number> = {}
  for (let partition = 0; partition < PARTITIONS; partition++) {
    ends[partition] = (await log.admin.offsets('flights', partition)).end
  }
  return { flights: ends }
}

/** What the view of delays must hold: a plain fold. */
function delaysOf(records: readonly Flight[]): Map<string, Delays> {
  const totals = new Map<string, Delays>()
  for (const { origin, at, delay } of records) {
    const name = `${origin} ${Math.floor(at / HOUR) * HOUR}`
    const { flights, minutes } = totals.get(name) ?? { flights: 0, minutes: 0 }
    totals.set(name, { flights: flights + 1, minutes: minutes + delay })
  }
  return totals
}

function arrivalsOf(records: readonly Flight[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { destination } of records) counts.set(destination, (counts.get(destination) ?? 0) + 1)
  return counts
}

function nameOf(entry: WindowedEntry<string, unknown>): string {
  return `${entry.key} ${entry.window.start}`
}

async function listed<E, V>(entries: AsyncIterable<E>, name: (entry: E) => string, value: (entry: E) => V) {
  const list: [string, V][] = []
  for await (const entry of entries) list.push([name(entry), value(entry)])
  return list
}

test('what was produced is read back exactly, once the position behind it is waited for', async () => {
  await using running = await run()
  const { client } = running
  const all: Flight[] = []
  await check(
    asyncProperty(someFlights, async (records) => {
      all.push(...records)
      const after = await running.produce(records)
      const found = await listed(client.view(delays).all({ after, limit: 10 }), nameOf, (entry) => entry.value)
      expect(new Map(found)).toEqual(delaysOf(all))
      const counts = await listed(
        client.view(arrivals).all({ after }),
        ({ key }) => key,
        ({ value }) => value,
      )
      expect(counts).toEqual([...arrivalsOf(all)].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      for (const airport of airports) {
        expect(await client.view(arrivals).get(airport, { after })).toBe(arrivalsOf(all).get(airport))
        const hours = await listed(
          client.view(delays).windows(airport, { after, limit: 3 }),
          nameOf,
          (entry) => entry.value,
        )
        expect(hours).toEqual([...delaysOf(all)].filter(([name]) => name.startsWith(airport)).toSorted(byHour))
      }
      const { position } = await client.view(arrivals).lookup('nowhere', { after })
      expect(reaches(position, after), `${formatPosition(position)} ≥ ${formatPosition(after)}`).toBe(true)
    }),
    { numRuns: 8 },
  )
})

function byHour([a]: [string, unknown], [b]: [string, unknown]): number {
  return Number(a.split(' ')[1]) - Number(b.split(' ')[1])
}

test('a copy that starts from the pages and follows the changes is right at every position told', async () => {
  await using running = await run()
  const view = running.client.view(delays)
  const before: Flight[] = [{ origin: 'ATL', destination: 'BOS', at: 0, delay: 1 }]
  await running.produce(before)
  const copy = new Map<string, Delays>()
  const told: ViewEvent<WindowedEntry<string, Delays | null>>[] = []
  const later: Flight[] = Array.from({ length: 500 }, (_, index) => ({
    origin: airports[index % airports.length] ?? '',
    destination: 'BOS',
    at: (index % 9) * HOUR,
    delay: index,
  }))
  let target: Position | undefined
  const reached = new Promise<void>((resolve, reject) => {
    const subscription = view.changes().subscribe({
      async next(event) {
        told.push(event)
        if (event.kind === 'start') {
          for await (const entry of view.all()) copy.set(nameOf(entry), entry.value)
          target = await running.produce(later)
        } else if (event.entry.value !== null) copy.set(nameOf(event.entry), event.entry.value)
        if (target !== undefined && reaches(event.position, target)) {
          // The rest of the commit comes in the same turn.
          queueMicrotask(() => {
            subscription.unsubscribe()
            resolve()
          })
        }
      },
      error: reject,
    })
  })
  await reached
  expect(told[0]?.kind).toBe('start')
  expect(told.filter((event) => event.kind === 'start')).toHaveLength(1)
  expect(copy).toEqual(delaysOf([...before, ...later]))
})

test('the status and the list of views tell of the running job', async () => {
  await using running = await run()
  const after = await running.produce([{ origin: 'ATL', destination: 'BOS', at: 0, delay: 1 }])
  await running.client.view(arrivals).get('BOS', { after })
  const views = await running.client.views()
  expect(views.map(({ name, windowMs, parts }) => ({ name, windowMs, parts }))).toEqual([
    { name: 'delays', windowMs: HOUR, parts: [0, 1, 2] },
    { name: 'arrivals', windowMs: null, parts: [0, 1, 2] },
  ])
  expect(await running.client.status()).toMatchObject({ job: 'flight-delays', phase: 'running' })
})
