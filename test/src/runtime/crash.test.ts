import { rmSync } from 'node:fs'
import { job, json, stream, string, topic, tumbling } from '@millrace/core'
import { expect, test } from 'vitest'
import { trials } from '../crash/extent.ts'
import { COMMIT_POINTS, Cut, cutLog, guaranteeAt } from './cut-log.ts'
import { JobWorld } from './job-world.ts'

/** How often a run is cut off. */
const CUTS = trials(12)

interface Flight {
  readonly origin: string
  readonly destination: string
  readonly delay: number
}

const flights = topic('flights', { key: string(), value: json<Flight>() })

const byOrigin = stream(flights)
  .groupByKey()
  .aggregate('by-origin', { init: () => 0, add: (total, flight) => total + flight.delay, value: json<number>() })
const byRoute = stream(flights)
  .groupBy((flight) => `${flight.origin}-${flight.destination}`, string())
  .window(tumbling(1000))
  .aggregate('by-route', { init: () => 0, add: (total, flight) => total + flight.delay, value: json<number>() })
/** A second stage behind a second repartition: each change of a route counts once for its destination. */
const changesByDestination = byRoute
  .changes()
  .groupBy((_, { key }) => key.split('-')[1] ?? '', string())
  .count('changes-by-destination')
/** The outputs of the first step and of the third stage: one without state before it, one with. */
const delays = topic('delays', { key: string(), value: json<number>() })
const counts = topic('counts', { key: string(), value: json<number>() })
const theJob = job(
  'delays',
  byOrigin,
  byRoute,
  changesByDestination,
  stream(flights)
    .mapValues((flight) => flight.delay)
    .to(delays),
  changesByDestination.changes().to(counts),
)

const airports = ['ORD', 'LAX', 'JFK', 'SFO', 'DEN', 'SEA', 'ATL']

function makeFlights(count: number) {
  return Array.from({ length: count }, (_, index) => {
    const origin = airports[(index * 5) % 7] ?? ''
    const destination = airports[(index * 3 + 1) % 7] ?? ''
    // Records are up to 40 ms out of order, and never late: windows are 1000 ms, and each partition gets its records by time.
    return {
      key: origin,
      value: { origin, destination, delay: index % 61 },
      timestamp: 10_000 + index,
      partition: origin.charCodeAt(0) % 2,
    }
  })
}

function expected(records: ReturnType<typeof makeFlights>) {
  const origins = new Map<string, number>()
  const routes = new Map<string, number>()
  const destinations = new Map<string, number>()
  for (const { value, timestamp } of records) {
    const { origin, destination, delay } = value
    const route = `${origin}-${destination} ${timestamp - (timestamp % 1000)}`
    origins.set(origin, (origins.get(origin) ?? 0) + delay)
    routes.set(route, (routes.get(route) ?? 0) + delay)
    destinations.set(destination, (destinations.get(destination) ?? 0) + 1)
  }
  return { origins, routes, destinations }
}

for (const point of COMMIT_POINTS) {
  for (const loseState of [false, true]) {
    test(`views are exact when commits are cut off ${point}${loseState ? ' and local state is lost each time' : ''}`, async () => {
      const world = await JobWorld.open()
      await world.topic('flights', { partitions: 2 })
      await world.topic('delays', { partitions: 2 })
      await world.topic('counts')
      const guarantee = guaranteeAt(point)
      const records = makeFlights(4000)
      let produced = 0
      for (let countdown = 1; countdown <= CUTS; countdown++) {
        const upTo = Math.min(records.length, Math.round((records.length * countdown) / CUTS))
        await world.produce('flights', flights.value, records.slice(produced, upTo))
        produced = upTo
        const log = cutLog(world.log, point, 1 + (countdown % 5))
        const outcome = await world
          .runToEnd(theJob, { log, guarantee, commitIntervalMs: 1 })
          .catch((error: unknown) => error)
        if (outcome !== undefined && !(outcome instanceof Cut)) throw outcome
        if (loseState) rmSync(world.stateDirectory, { recursive: true, force: true })
      }
      await world.runToEnd(theJob, { guarantee })
      const { origins, routes, destinations } = expected(records)
      expect(await world.rows(theJob, 'by-origin')).toEqual(origins)
      expect(await world.rows(theJob, 'by-route')).toEqual(routes)
      expect(await world.rows(theJob, 'changes-by-destination')).toEqual(destinations)
      if (guarantee === 'exactly-once') {
        const sent = [
          ...(await world.read('delays', delays.value, 0)),
          ...(await world.read('delays', delays.value, 1)),
        ]
        expect(sent.length).toBe(records.length)
        for (const origin of airports) {
          const ofOrigin = records.filter(({ key }) => key === origin).map(({ value }) => value.delay)
          expect(sent.filter(([key]) => key === origin).map(([, delay]) => delay)).toEqual(ofOrigin)
        }
        // Each count of a destination is sent once, in order.
        for (const [destination, total] of destinations) {
          const found = (await world.read('counts', counts.value)).filter(([key]) => key === destination)
          expect(found.map(([, count]) => count)).toEqual(Array.from({ length: total }, (_, index) => index + 1))
        }
      }
      await world.close()
    })
  }
}
