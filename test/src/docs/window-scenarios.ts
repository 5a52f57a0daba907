import { float64, int64, json, string, topic, windowed } from '@millrace/core'
import type { TestDriver } from '@millrace/testing'
import { expect } from 'vitest'

const MINUTE_MS = 60_000
const START_MS = Date.UTC(2026, 0, 1, 8)

const plain = (name: string) => topic(name, { key: string(), value: json<object | number>() })
const windows = (name: string) => topic(name, { key: windowed(string()), value: json<object | number>() })

/** The results of a topic of windows: start and end as minutes after the first record, and the value. */
async function resultsOf(driver: TestDriver, name: string): Promise<unknown[]> {
  const minutes = (time: number) => (time - START_MS) / MINUTE_MS
  const results = await driver.read(windows(name))
  return results.map(({ key: { window }, value }) => [minutes(window.start), minutes(window.end), value])
}

/** What each job of the pages about windows does with some records. */
export const WINDOW_SCENARIOS: Readonly<Record<string, (driver: TestDriver) => Promise<void>>> = {
  async visits(driver) {
    const click = (minute: number) => {
      return { key: 'ann', value: { page: '/', seconds: 10 }, timestamp: START_MS + minute * MINUTE_MS }
    }
    await driver.send(plain('clicks'), click(0), click(29), click(59), click(80), click(58), click(200), click(150))
    await driver.runUntilEnd()
    expect(await resultsOf(driver, 'visits')).toEqual([
      [0, 59, 20],
      [59, 110, 20],
    ])
    expect(await driver.read(plain('late-clicks'))).toHaveLength(2)
  },
  async sales(driver) {
    const sale = (text: string) => ({ key: 'shop', value: { cents: 100 }, timestamp: new Date(text).getTime() })
    // Midnight in Zurich is at 23:00 UTC in winter.
    await driver.send(
      plain('sales'),
      sale('2026-01-01T08:00Z'),
      sale('2026-01-01T22:59Z'),
      sale('2026-01-01T23:00Z'),
      sale('2026-01-02T23:06Z'),
    )
    await driver.runUntilEnd()
    expect((await driver.read(windows('daily-sales'))).map(({ value }) => value)).toEqual([200, 100])
  },
  async 'highest-bids'(driver) {
    const bid = (cents: number, second: number) => {
      return { key: 'vase', value: { cents }, timestamp: START_MS + second * 1000 }
    }
    await driver.send(plain('bids'), bid(10, 0), bid(30, 4), bid(20, 8), bid(50, 12), bid(1, 70 * 60))
    await driver.runUntilEnd()
    expect(await resultsOf(driver, 'highest-bids')).toEqual([
      [0, 60, 30],
      [0, 60, 50],
    ])
  },
  async averages(driver) {
    const readings = topic('readings', { key: string(), value: float64() })
    await driver.send(
      readings,
      ...Array.from({ length: 250 }, (_, index) => ({ key: 'a', value: index < 100 ? 1 : 2 })),
    )
    const averages = (await driver.read(plain('averages'))).map(({ value }) => Number(value))
    expect(averages.map(Math.round)).toEqual([1, 2])
  },
  async alarms(driver) {
    const payment = (minute: number) => {
      return { key: 'card', value: { cents: 5 }, timestamp: START_MS + minute * MINUTE_MS }
    }
    await driver.send(plain('payments'), ...[0, 2, 4, 6, 8, 9, 10, 30].map(payment))
    await driver.runUntilEnd()
    const alarms = await driver.read(topic('alarms', { key: windowed(string()), value: int64() }))
    expect(alarms.map(({ timestamp }) => (timestamp - START_MS) / MINUTE_MS)).toEqual([9, 10])
  },
  async busy(driver) {
    const click = (second: number, key: string) => {
      return { key, value: { page: '/' }, timestamp: START_MS + second * 1000 }
    }
    // Each send is read before the next one: the partitions stay near in time.
    for (const [second, key] of [0, 4, 8, 20].map((second) => [second, `user ${second}`] as const)) {
      await driver.send(plain('clicks'), click(second, key))
    }
    const [view] = driver.views
    const rows = await Promise.all((view?.parts ?? []).map(({ store }) => store.range({ limit: 10 })))
    expect(rows.flatMap(({ entries }) => entries.map(({ value }) => value))).toEqual([3, 1])
  },
}
