import { FLIGHTS_FILE } from './parquet-file.ts'
import { readFlights } from './read-flights.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export interface OracleOptions {
  /** The first so many flights of the file. */
  readonly limit: number
  /** How late a flight may come and still count, ms. */
  readonly graceMs: number
  /** The partition of an airport in the topic of the flights: time advances in each partition separately. */
  readonly partitionOf: (origin: string) => number
}

/** The expected views: the JSON of each value by its key, `<key>` or `<key>@<window start>`. */
export interface FlightsOracle {
  readonly delays: ReadonlyMap<string, string>
  readonly routes: ReadonlyMap<string, string>
  readonly hoursOfDay: ReadonlyMap<string, string>
}

interface Sum {
  flights: number
  minutes: number
}

/**
 * The views of the flights job, computed by a plain fold over the file. It shares with the job only the definition of what
 * is counted, so that each can be checked against the other.
 */
export async function foldFlights({ limit, graceMs, partitionOf }: OracleOptions): Promise<FlightsOracle> {
  const delays = new Map<string, Sum>()
  const routes = new Map<string, number>()
  const newest = new Map<number, number>()
  for await (const { origin, destination, date, delay } of readFlights(FLIGHTS_FILE, limit)) {
    add(delays, `${origin}@${floorTo(date, HOUR_MS)}`, 1, Math.max(delay, 0))
    const route = `${origin}-${destination}@${floorTo(date, DAY_MS)}`
    routes.set(route, (routes.get(route) ?? 0) + 1)
    const partition = partitionOf(origin)
    newest.set(partition, Math.max(newest.get(partition) ?? date, date))
  }
  const hoursOfDay = new Map<string, Sum>()
  for (const [entry, { flights, minutes }] of delays) {
    const [origin = '', start = ''] = entry.split('@')
    const closesAt = Number(start) + HOUR_MS + graceMs
    // An hour that is still open has not emitted its total yet.
    if (closesAt > (newest.get(partitionOf(origin)) ?? 0)) continue
    add(hoursOfDay, new Date(Number(start)).toISOString().slice(11, 13), flights, minutes)
  }
  return { delays: asJson(delays), routes: asJson(routes), hoursOfDay: asJson(hoursOfDay) }
}

function floorTo(time: number, size: number): number {
  return Math.floor(time / size) * size
}

function add(sums: Map<string, Sum>, key: string, flights: number, minutes: number): void {
  const sum = sums.get(key) ?? { flights: 0, minutes: 0 }
  sum.flights += flights
  sum.minutes += minutes
  sums.set(key, sum)
}

function asJson(values: ReadonlyMap<string, unknown>): Map<string, string> {
  return new Map([...values].map(([key, value]) => [key, JSON.stringify(value)]))
}
