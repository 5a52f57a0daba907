import type { StandardSchemaV1 } from '@standard-schema/spec'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'
import { json } from './json.ts'

interface Flight {
  readonly origin: string
  readonly date: Date
}

/** A schema as zod and others offer it: it takes a flight as JSON, and returns one with a real date. */
const flightSchema: StandardSchemaV1<{ origin: string; date: string }, Flight> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate(value) {
      const { origin, date } = value as { origin: unknown; date: string }
      if (typeof origin === 'string') return { value: { origin, date: new Date(date) } }
      return { issues: [{ message: 'needs a string', path: ['flight', { key: 'origin' }] }] }
    },
  },
}

const asyncSchema: StandardSchemaV1<string> = {
  '~standard': { version: 1, vendor: 'test', validate: async (value) => ({ value: String(value) }) },
}

function decode<T>(serde: Serde<T>, text: string): T {
  const bytes = Buffer.from(text)
  const value = serde.decode(bytes, 0, bytes.length)
  expect(serde.decodeText?.(text)).toEqual(value)
  return value
}

describe('json with a schema', () => {
  const serde = json(flightSchema)

  test("gives the schema's output, which round-trips", () => {
    expectTypeOf(serde).toEqualTypeOf<Serde<Flight>>()
    const flight = { origin: 'ATL', date: new Date('2001-01-01') }
    const out = new ByteWriter()
    serde.encode(flight, out)
    expect(decode(serde, out.toBytes().toString())).toEqual(flight)
    expect(serde.fromJson(JSON.parse(JSON.stringify(serde.toJson(flight))))).toEqual(flight)
  })

  test('refuses what the schema refuses, and reports the place', () => {
    expect(() => decode(serde, '{"origin":1}')).toThrow('flight.origin: needs a string')
    expect(() => serde.fromJson({ origin: 1 })).toThrow('flight.origin: needs a string')
  })

  test('refuses a schema that validates asynchronously', () => {
    expect(() => decode(json(asyncSchema), '"a"')).toThrow('asynchronously')
  })
})

test('json without a schema returns what the JSON holds', () => {
  expect(decode(json<unknown>(), ' [1, {"a": null}] ')).toEqual([1, { a: null }])
})

test('json takes a zod schema as it is, and types the value by it', () => {
  const serde = json(z.object({ origin: z.string(), delay: z.number().int(), gate: z.string().default('?') }))
  expectTypeOf(serde).toEqualTypeOf<Serde<{ origin: string; delay: number; gate: string }>>()
  expect(decode(serde, '{"origin":"ATL","delay":5}')).toEqual({ origin: 'ATL', delay: 5, gate: '?' })
  expect(() => decode(serde, '{"origin":"ATL","delay":"late"}')).toThrow(/delay/)
})
