import { type Duration, type Job, job, json, stream, string, topic, tumbling } from '@millrace/core'
import type { Flight } from './flight.ts'

/** Flights and the minutes that they were late. */
export interface Delay {
  readonly flights: number
  readonly minutes: number
}

/** The flights, by origin. */
export const flights = topic('flights', { key: string(), value: json<Flight>() })

/** The final total of an airport's hour, after the hour has closed: one record for each. */
export const delaysByHour = topic('delays-by-hour', { key: string(), value: json<Delay>() })

/** The settings of the job. `grace` is how late a flight may come, by event time, and still count. */
export interface PlanOptions {
  readonly grace: Duration
}

/**
 * Delays by origin and hour, the busiest routes by day, and how delays build up over the hours of a day.
 *
 * The last is a second stage over the first. It adds up each hour's final total, which is emitted once, when the hour has
 * closed: adding up every change of a total would count its flights again and again.
 */
export function plan({ grace }: PlanOptions) {
  const departures = stream(flights)

  const delays = departures
    .groupByKey()
    .window(tumbling('1h', { grace }))
    .aggregate('delays', { init: () => NO_DELAY, add: addFlight, value: json(), emit: 'final' })

  const routes = departures
    .groupBy((flight) => `${flight.origin}-${flight.destination}`, string())
    .window(tumbling('1d', { grace }))
    .count('routes')

  const closedHours = delays
    .changes()
    .map((delay, { key, window }) => [{ airport: key, hour: new Date(window.start).getUTCHours() }, delay] as const, {
      value: json(),
    })

  const hoursOfDay = closedHours
    .groupBy((_delay, { hour }) => String(hour).padStart(2, '0'), string())
    .aggregate('hours-of-day', { init: () => NO_DELAY, add: addDelay, value: json() })

  const finalDelays = closedHours.keyBy((_delay, { airport }) => airport, string()).to(delaysByHour)

  return { delays, routes, hoursOfDay, finalDelays }
}

/** The job that runs that plan. */
export function flightsJob(options: PlanOptions): Job {
  const { delays, routes, hoursOfDay, finalDelays } = plan(options)
  return job('flights', delays, routes, hoursOfDay, finalDelays)
}

const NO_DELAY: Delay = { flights: 0, minutes: 0 }

function addFlight(total: Delay, flight: Flight): Delay {
  return { flights: total.flights + 1, minutes: total.minutes + Math.max(0, flight.delay) }
}

function addDelay(total: Delay, delay: Delay): Delay {
  return { flights: total.flights + delay.flights, minutes: total.minutes + delay.minutes }
}
