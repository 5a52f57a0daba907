import { count, hopping, type Job, job, json, max, stream, string, topic, windowed } from '@millrace/core'
import type { Flight } from '../flights/flight.ts'

/** How many windows a record is in: days, one for each ten minutes. */
export const HOPS = 144

const flights = topic('flights', { key: string(), value: json<Flight>() })
export const hopsOutput = topic('busiest', { key: windowed(string()), value: json<unknown>() })

/** The job with hopping windows: flights and the greatest delay of the last day by key, each ten minutes. */
export function hopsJob(panes: boolean): Job {
  const days = stream(flights)
    .groupByKey()
    .window(hopping('1d', { advance: '10m', panes }))
    .aggregate('days', { flights: count(), delay: max(({ delay }: Flight) => delay) }, { emit: 'final' })
  return job('hops', days.changes().to(hopsOutput))
}
