import { openFileLog } from '@millrace/connectors/file'
import { json, type Log, openTopicWriter, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { preparedDirectory } from '../prepared-directory.ts'
import { type Airport, readAirports } from './airports.ts'
import type { Actual, Planned } from './departures.ts'
import type { Flight } from './flight.ts'
import { readFlights } from './read-flights.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** A data directory whose topic `flights` holds the first so many flights, with the origin as the key. */
export function prepareFlights(records: number): Promise<string> {
  return prepare(`flights-${records}`, (log) => writeFlights(log, 'flights', records, ({ origin }) => origin))
}

/** As `prepareFlights`, with one key for all flights. */
export function prepareOneKey(records: number): Promise<string> {
  return prepare(`one-key-${records}`, (log) => writeFlights(log, 'flights', records, () => 'all'))
}

/**
 * A data directory whose topic `routes` holds the first so many flights, with the route and the hour as the key: most keys
 * come once.
 */
export function prepareRoutes(records: number): Promise<string> {
  return prepare(`routes-${records}`, (log) =>
    writeFlights(log, 'routes', records, ({ origin, destination, date }) => {
      return `${origin}-${destination}-${Math.floor(date / HOUR_MS)}`
    }),
  )
}

/** As `prepareFlights`, with a topic `airports`: all airports by their code, at a time before all flights. */
export function prepareLocatedFlights(records: number): Promise<string> {
  return prepare(`located-flights-${records}`, async (log) => {
    await writeFlights(log, 'flights', records, ({ origin }) => origin)
    await log.admin.createTopic('airports')
    const writer = await openTopicWriter(log, topic('airports', { key: string(), value: json<Airport>() }))
    for (const [key, value] of readAirports()) writer.send({ key, value, timestamp: 0 })
    await writer.close()
  })
}

/**
 * A data directory with two topics of departures by the number of the flight, so many records in both together: `planned`, and
 * `actual`, whose times are later by the delay, or earlier. Each topic is in the order of its times.
 */
export function prepareDepartures(records: number): Promise<string> {
  return prepare(`departures-${records}`, async (log) => {
    const flights: Flight[] = []
    for await (const flight of readFlights(Math.ceil(records / 2))) flights.push(flight)
    const planned = flights.map(({ date, origin, destination }, number) => {
      return { key: `F${number}`, value: { origin, destination }, timestamp: date }
    })
    const actual = flights.slice(0, Math.floor(records / 2)).map(({ date, delay }, number) => {
      return { key: `F${number}`, value: { delay }, timestamp: date + delay * MINUTE_MS }
    })
    await writeInOrder<Planned>(log, 'planned', planned)
    await writeInOrder<Actual>(log, 'actual', actual)
  })
}

function prepare(name: string, write: (log: Log) => Promise<void>): Promise<string> {
  return preparedDirectory(name, async (directory) => {
    const log = await openFileLog({ directory, env: nodeEnv(), durability: 'os' })
    await write(log)
    await log.close()
  })
}

async function writeFlights(log: Log, name: string, records: number, keyOf: (flight: Flight) => string): Promise<void> {
  await log.admin.createTopic(name)
  const flights = topic(name, { key: string(), value: json<Flight>(), timestamp: ({ date }) => date })
  const writer = await openTopicWriter(log, flights)
  for await (const flight of readFlights(records)) {
    if (!writer.send({ key: keyOf(flight), value: flight })) await writer.flush()
  }
  await writer.close()
}

/** Writes records in the order of their times. */
async function writeInOrder<V>(
  log: Log,
  name: string,
  records: readonly { readonly key: string; readonly value: V; readonly timestamp: number }[],
): Promise<void> {
  await log.admin.createTopic(name)
  const writer = await openTopicWriter(log, topic(name, { key: string(), value: json<V>() }))
  for (const record of records.toSorted((a, b) => a.timestamp - b.timestamp)) {
    if (!writer.send(record)) await writer.flush()
  }
  await writer.close()
}
