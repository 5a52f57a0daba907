import { type Job, job, json, stream, string, topic, tumbling, windowed } from '@millrace/core'
import type { Flight } from '../flights/flight.ts'

const flights = topic('flights', { key: string(), value: json<Flight>() })

interface Delayed {
  readonly origin: string
  readonly destination: string
  readonly delay: number
}

/** The stateless job: the flights that are more than 15 minutes late, three of their fields. */
export const delayedFlights: Job = job(
  'delayed-flights',
  stream(flights)
    .filter((flight) => flight.delay > 15)
    .mapValues(({ origin, destination, delay }): Delayed => ({ origin, destination, delay }))
    .to(topic('delayed', { key: string(), value: json<Delayed>() })),
)

interface Delays {
  readonly flights: number
  readonly minutes: number
}

const delays = stream(flights)
  .groupByKey()
  .window(tumbling('1h', { grace: '10m' }))
  .aggregate('delays', {
    init: (): Delays => ({ flights: 0, minutes: 0 }),
    add: (total, flight) => ({ flights: total.flights + 1, minutes: total.minutes + flight.delay }),
  })

/** The stateful job: flights and minutes of delay by origin and hour, an output per record. */
export const hourlyDelays: Job = job(
  'hourly-delays',
  delays,
  delays.changes().to(topic('delays', { key: windowed(string()), value: json<Delays>() })),
)
