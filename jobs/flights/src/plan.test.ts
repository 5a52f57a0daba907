import { partitionOf } from '@millrace/core/internal'
import { openTestDriver, type TestDriver } from '@millrace/testing'
import { expect, onTestFinished, test } from 'vitest'
import { foldFlights } from './oracle.ts'
import { FLIGHTS_FILE } from './parquet-file.ts'
import { delaysByHour, flights, flightsJob, plan } from './plan.ts'
import { readFlights } from './read-flights.ts'

const HOUR_MS = 3_600_000
const FLIGHTS = 20_000
const PARTITIONS = 4

const { delays, routes, hoursOfDay } = plan({ grace: '10m' })

async function opened(partitions = 1): Promise<TestDriver> {
  const driver = await openTestDriver(flightsJob({ grace: '10m' }), { partitions })
  onTestFinished(() => driver.close())
  return driver
}

const flight = (origin: string, date: number, delay: number) => ({
  key: origin,
  value: { date, delay, distance: 100, origin, destination: 'LAX' },
  timestamp: date,
})

test('the total of an hour is written once, when a later flight has passed its grace', async () => {
  const driver = await opened()
  await driver.send(
    flights,
    flight('ATL', 0, 5),
    flight('ATL', HOUR_MS - 1, -7),
    flight('ATL', HOUR_MS + 600_000 - 1, 0),
  )
  expect(await driver.read(delaysByHour)).toEqual([])
  await driver.send(flights, flight('ATL', HOUR_MS + 600_000, 20))
  expect((await driver.read(delaysByHour)).map(({ key, value }) => [key, value])).toEqual([
    ['ATL', { flights: 2, minutes: 5 }],
  ])
  expect(await driver.view(delays).get('ATL', HOUR_MS)).toEqual({ flights: 2, minutes: 20 })
  expect(await driver.view(hoursOfDay).get('00')).toEqual({ flights: 2, minutes: 5 })
})

test('a flight that comes after the grace does not count for its hour, and counts for its day', async () => {
  const driver = await opened()
  await driver.send(flights, flight('ATL', 0, 5), flight('ATL', 2 * HOUR_MS, 5), flight('ATL', 1, 100))
  expect(await driver.view(delays).get('ATL', 0)).toEqual({ flights: 1, minutes: 5 })
  expect(await driver.view(routes).get('ATL-LAX', 0)).toBe(3)
  expect(driver.status?.tasks.reduce((late, { counts }) => late + counts.late, 0)).toBe(1)
})

test('the views of real flights are those of a plain fold, with a stop, a lost state and a restart in the middle', async () => {
  const driver = await opened(PARTITIONS)
  const records = []
  for await (const each of readFlights(FLIGHTS_FILE, FLIGHTS)) {
    records.push({ key: each.origin, value: each, timestamp: each.date })
  }
  await driver.send(flights, ...records.slice(0, FLIGHTS / 2))
  await driver.stop()
  driver.loseState()
  await driver.send(flights, ...records.slice(FLIGHTS / 2))
  await driver.start()
  const expected = await foldFlights({ limit: FLIGHTS, graceMs: 600_000, partitionOf: homeOf })
  expect(await entriesOf(driver.view(delays).all())).toEqual(expected.delays)
  expect(await entriesOf(driver.view(routes).all())).toEqual(expected.routes)
  expect(await entriesOf(driver.view(hoursOfDay).all())).toEqual(expected.hoursOfDay)
})

interface Entry {
  readonly key: string
  readonly value: unknown
  readonly window?: { readonly start: number }
}

async function entriesOf(entries: AsyncIterable<Entry>): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for await (const { key, window, value } of entries) {
    found.set(window === undefined ? key : `${key}@${window.start}`, JSON.stringify(value))
  }
  return found
}

function homeOf(origin: string): number {
  const key = Buffer.from(origin)
  return partitionOf(key, 0, key.length, PARTITIONS)
}
