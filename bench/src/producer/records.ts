import { bytes, json, string, topic } from '@millrace/core'
import type { Flight } from '../flights/flight.ts'
import { readFlights } from '../flights/read-flights.ts'

/** As many bytes as the value of a flight has, and a little more. */
const VALUE_BYTES = 100

/** So many different records are made. They are sent again and again, so that they fit into memory. */
const DIFFERENT_RECORDS = 100_000

export const flights = topic('flights', { key: string(), value: json<Flight>() })
export const plain = topic('plain', { key: string(), value: bytes() })

export const PRODUCED = ['flights', 'plain'] as const

/** What a program sends: flights as JSON; or bytes, which cost their serde next to nothing. */
export type Produced = (typeof PRODUCED)[number]

export interface Sent<V> {
  readonly key: string
  readonly value: V
  readonly timestamp: number
}

/** The first flights. */
export async function flightRecords(): Promise<Sent<Flight>[]> {
  const records: Sent<Flight>[] = []
  for await (const flight of readFlights(DIFFERENT_RECORDS)) {
    records.push({ key: flight.origin, value: flight, timestamp: flight.date })
  }
  return records
}

export function plainRecords(): Sent<Uint8Array>[] {
  const value = Buffer.alloc(VALUE_BYTES, 'millrace')
  return Array.from({ length: DIFFERENT_RECORDS }, (_, index) => ({
    key: String(10_000_000 + index),
    value,
    timestamp: 1_000_000 + index,
  }))
}
