import {
  type Job,
  job,
  json,
  sessions,
  stream,
  string,
  table,
  topic,
  tumbling,
  valueState,
  windowed,
} from '@millrace/core'
import type { Airport } from '../flights/airports.ts'
import type { Actual, Planned } from '../flights/departures.ts'
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

const routes = topic('routes', { key: string(), value: json<Flight>() })

/** A total by key, as the job and the loop of a benchmark write it. */
export interface Total {
  readonly count: number
  readonly sum: number
}

const init = (): Total => ({ count: 0, sum: 0 })

const routeTotals = stream(routes)
  .groupByKey()
  .aggregate('totals', {
    init,
    add: (total, { delay }) => ({ count: total.count + 1, sum: total.sum + delay }),
  })

/** The job with mostly new keys: flights and minutes of delay by route and hour, an output per record. */
export const routeTotalsJob: Job = job(
  'route-totals',
  routeTotals,
  routeTotals.changes().to(topic('totals', { key: string(), value: json<Total>() })),
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

const waves = stream(flights)
  .groupByKey()
  .window(sessions({ gap: '30m' }))
  .aggregate('waves', {
    init: (): Delays => ({ flights: 0, minutes: 0 }),
    add: (total, flight) => ({ flights: total.flights + 1, minutes: total.minutes + flight.delay }),
    merge: (a, b) => ({ flights: a.flights + b.flights, minutes: a.minutes + b.minutes }),
    emit: 'final',
  })

/** The job with sessions: flights and minutes of delay of each wave of departures, once no flight has left for half an hour. */
export const departureWaves: Job = job(
  'departure-waves',
  waves,
  waves.changes().to(topic('waves', { key: windowed(string()), value: json<Delays>() })),
)

interface Departure {
  readonly at: number
  readonly destination: string
}

interface Silence {
  readonly since: number
  readonly destination: string
}

/** The job with timers: each airport from which no flight has left for two hours. */
export const silencesJob: Job = job(
  'silences',
  stream(flights)
    .process('silence', {
      value: json<Silence>(),
      state: { last: valueState(json<Departure>()) },
      onRecord({ destination }, _origin, { state, timers, timestamp }) {
        state.last.set({ at: timestamp, destination })
        timers.quiet.after('2h')
      },
      timers: {
        quiet(_origin, { state, emit }) {
          const last = state.last.get()
          if (last !== undefined) emit({ since: last.at, destination: last.destination })
          state.last.delete()
        },
      },
    })
    .to(topic('silences', { key: string(), value: json<Silence>() })),
)

/** A payment of an account. */
export interface Payment {
  readonly amount: number
}

export const payments = topic('payments', { key: string(), value: json<Payment>() })

/** The job with many keys: count and sum of payments by account; a view, no output. */
export const accountTotalsJob: Job = job(
  'account-totals',
  stream(payments)
    .groupByKey()
    .aggregate('totals', {
      init,
      add: (total, { amount }) => ({ count: total.count + 1, sum: total.sum + amount }),
    }),
)

const airports = topic('airports', { key: string(), value: json<Airport>() })

interface Located {
  readonly destination: string
  readonly delay: number
  readonly city: string
  readonly state: string
}

/** The job that joins with a table: each flight with the city and the state of its origin. */
export const locatedFlights: Job = job(
  'located-flights',
  stream(flights)
    .join('city-of-origin', table(airports, 'airports'), ({ destination, delay }, { city, state }): Located => {
      return { destination, delay, city, state }
    })
    .to(topic('located', { key: string(), value: json<Located>() })),
)

const planned = topic('planned', { key: string(), value: json<Planned>() })
const actual = topic('actual', { key: string(), value: json<Actual>() })

/** The job that joins two streams: planned departures with the actual ones, if these are within two hours of each other. */
export const punctualDepartures: Job = job(
  'punctual-departures',
  stream(planned)
    .join('punctual', stream(actual), (plan, { delay }): Delayed => ({ ...plan, delay }), { within: '2h' })
    .to(topic('punctual', { key: string(), value: json<Delayed>() })),
)
