import { FLIGHTS_IN_FILE, foldFlights } from '@millrace/job-flights'
import { expect, test } from 'vitest'
import { airportPartition, differences, FlightsWorld } from './flights/flights-world.ts'

const GRACE_MS = 600_000
const SOME_FLIGHTS = 100_000

async function expectViewsOf(flights: number): Promise<void> {
  using world = await FlightsWorld.create()
  await world.import(flights)
  await world.runUntilEnd()
  const oracle = await foldFlights({ limit: flights, graceMs: GRACE_MS, partitionOf: airportPartition })
  const views = await world.views()
  expect(oracle.hoursOfDay.size).toBe(24)
  expect(differences(views, oracle)).toEqual([])
}

test('the views of the first flights equal a plain fold over the file, key by key', { timeout: 60_000 }, () =>
  expectViewsOf(SOME_FLIGHTS),
)

test('the views of all three million flights equal a plain fold over the file', { timeout: 240_000 }, (context) => {
  if (process.env['CI'] !== 'true') context.skip('takes a minute; CI=true runs it')
  return expectViewsOf(FLIGHTS_IN_FILE)
})
