import { count, hopping, type Job, job, json, max, stream, string, topic, windowed } from '@millrace/core'
import type { Flight } from '../flights/flight.ts'

const flights = topic('flights', { key: string(), value: json<Flight>() })
export const hopsOutput = topic('busiest', { key: windowed(string()), value: json<unknown>() })

/** The job with hopping windows: flights and the greatest delay by key, in windows of a size and an advance, ms. */
export function hopsJob(size: number, advance: number, panes: boolean): Job {
  const totals = stream(flights)
    .groupByKey()
    .window(hopping(size, { advance, panes }))
    .aggregate('totals', { flights: count(), delay: max(({ delay }: Flight) => delay) }, { emit: 'final' })
  return job('hops', totals.changes().to(hopsOutput))
}
