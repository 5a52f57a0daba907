import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isJob, json, string, table, topic, windowed } from '@millrace/core'
import { openTestDriver, type TestDriver } from '@millrace/testing'
import { afterAll, expect, test } from 'vitest'
import { filesUnder, repository } from '../structure/source-files.ts'
import { examplesOf, pathPages } from './examples.ts'
import { PATH_SCENARIOS } from './path-scenarios.ts'
import { WINDOW_SCENARIOS } from './window-scenarios.ts'

const top = fileURLToPath(repository)
const HOUR_MS = 3_600_000
const START_MS = Date.UTC(2026, 0, 1, 8)

const folder = mkdtempSync(join(top, 'docs/.jobs-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const pages = [
  { path: 'README.md', text: readFileSync(join(top, 'README.md'), 'utf8') },
  ...filesUnder(['docs'], '.md'),
]
const path = new Set(pathPages(pages).map((page) => page.path))
const written = examplesOf(pages)
for (const { file, code } of written) writeFileSync(join(folder, file), code)

/** The jobs of the documents, each with the name of its scenario: that of the job, or, on the path, of the page that adds to the job. */
const examples = written.flatMap(({ path: page, file, code }) => {
  const job = /^export default job\(\s*'([^']+)'/m.exec(code)?.[1]
  if (job === undefined) return []
  const version = /^export default .*\.withVersion\((\d+)\)/m.exec(code)?.[1]
  if (path.has(page)) return [{ name: basename(page), file }]
  return [{ name: version === undefined ? job : `${job}.version-${version}`, file }]
})

/** A topic of JSON under text keys. */
const plain = (name: string) => topic(name, { key: string(), value: json<object | number>() })

/** A topic of JSON under text keys and windows. */
const windows = (name: string) => topic(name, { key: windowed(string()), value: json<object | number>() })

/** The row of a table that keeps text keys. */
const row = (driver: TestDriver, name: string, key: string) => driver.view(table(plain('any'), name)).get(key)

/** What each job of the documents does with some records: the name of the job, and the test. */
const SCENARIOS: Readonly<Record<string, (driver: TestDriver) => Promise<void>>> = {
  ...PATH_SCENARIOS,
  ...WINDOW_SCENARIOS,
  async 'late-departures'(driver) {
    const delayed = (delay: number) => ({
      key: 'ATL',
      value: { origin: 'ATL', date: START_MS + delay, delay },
      timestamp: START_MS + delay,
    })
    await driver.send(plain('departures'), delayed(5), ...Array.from({ length: 22 }, () => delayed(16)))
    expect((await driver.read(windows('busy-hours'))).map(({ key, value }) => [key.key, value])).toEqual([
      ['ATL', { flights: 21, minutes: 21 * 16 }],
      ['ATL', { flights: 22, minutes: 22 * 16 }],
    ])
  },
  async bank(driver) {
    await driver.send(plain('payments'), { key: 'ann', value: 250 }, { key: 'ann', value: 50 })
    expect(await row(driver, 'accounts', 'ann')).toEqual({ amount: 3, currency: 'EUR' })
  },
  async 'flight-delays.version-2'(driver) {
    const delayed = (delay: number) => ({ key: 'ATL', value: { delay } })
    await driver.send(plain('flights'), delayed(20), delayed(35), delayed(5))
    expect(await row(driver, 'delays', 'ATL')).toBe(35)
  },
  async 'price-orders'(driver) {
    const order = (key: string, item: string, quantity: number) => ({ key, value: { item, quantity } })
    await driver.send(
      plain('orders-to-price'),
      order('ann', 'tea', 2),
      order('bob', 'moon', 1),
      order('ann', 'cake', 1),
      order('bob', 'tea', 0),
    )
    const read = async (name: string) => (await driver.read(plain(name))).map(({ key, value }) => [key, value])
    expect(await read('priced-orders')).toEqual([
      ['ann', 900],
      ['ann', 620],
    ])
    expect(await read('orders-without-price')).toEqual([['bob', { item: 'moon', quantity: 1 }]])
    expect(await row(driver, 'spent', 'ann')).toBe(1520)
  },
  async website(driver) {
    const visit = { key: 'ann', value: { page: '/' } }
    await driver.send(plain('visits'), visit, visit)
    expect(await row(driver, 'by-visitor', 'ann')).toBe(2)
  },
  async 'log-errors'(driver) {
    const lines = topic('log-lines', { value: json<object>() })
    const [error, info] = ['error', 'info'].map((level) => ({ value: { host: 'a', level } }))
    await driver.send(lines, ...[error, info, error].flatMap((line) => line ?? []))
    expect(await driver.read(topic('errors', { value: json<object>() }))).toHaveLength(2)
    expect(await row(driver, 'by-host', 'a')).toBe(2)
  },
  async 'route-orders'(driver) {
    await driver.log.admin.createTopic('orders-NL')
    const order = (cents: number) => ({ key: 'ann', value: { customer: 'ann', cents, country: 'NL' } })
    await driver.send(plain('orders'), order(100_001), order(5))
    expect((await driver.read(plain('big-orders'))).map(({ value }) => value)).toEqual([order(100_001).value])
    expect((await driver.read(plain('orders-NL'))).map(({ value }) => value)).toEqual([order(5).value])
  },
  async trends(driver) {
    const click = (timestamp: number) => ({ key: 'user', value: { page: 'home' }, timestamp })
    await driver.send(plain('clicks'), click(START_MS), click(START_MS + 3 * HOUR_MS), click(START_MS))
    await driver.runUntilEnd()
    const trends = await driver.read(windows('trends'))
    // An hour that starts every ten minutes: six of them have the first click, and close before the last one.
    expect(trends.map(({ value }) => value)).toEqual([1, 1, 1, 1, 1, 1])
    expect(await driver.read(plain('late-clicks'))).toHaveLength(1)
  },
  async readings(driver) {
    const texts = topic('readings', { key: string(), value: string() })
    await driver.send(texts, { key: 'a', value: '5' }, { key: 'a', value: 'not JSON' })
    expect(await row(driver, 'latest', 'a')).toBe(5)
    const letters = await driver.read(topic('readings-undecodable', { key: string(), value: string() }))
    expect(letters.map(({ value }) => value)).toEqual(['not JSON'])
  },
  async shop(driver) {
    await driver.send(plain('orders'), { key: 'ann', value: { cents: 1200 } }, { key: 'ann', value: { cents: 300 } })
    expect(await row(driver, 'spent', 'ann')).toBe(1500)
  },
  async auctions(driver) {
    const prices = [5, 9, 7]
    const values = prices.map((price) => ({ auction: 'vase', bidder: 'ann', price }))
    await driver.send(plain('bids'), ...values.map((value) => ({ key: 'any', value, timestamp: START_MS })))
    expect(await row(driver, 'highest', 'vase')).toBe(9)
    const best = [values[1], values[2], values[0]]
    expect(await row(driver, 'auctions', 'vase')).toEqual({ bids: 3, volume: 21, best })
    expect(await row(driver, 'steps', 'vase')).toEqual({ price: 9, raises: 2 })
  },
  async people(driver) {
    await driver.send(
      plain('people'),
      { key: '1', value: { name: 'Ann', manager: null } },
      { key: '2', value: { name: 'Bob', manager: '1' } },
      { key: '3', value: { name: 'Cem', manager: '4' } },
    )
    expect(await row(driver, 'with-manager', '2')).toBe('Bob works for Ann')
    expect(await row(driver, 'with-manager', '3')).toBeUndefined()
  },
  async customers(driver) {
    await driver.send(plain('orders'), { key: 'any', value: { customer: 'ann', cents: 1200 } })
    await driver.send(plain('visits'), { key: 'ann', value: { page: '/' } }, { key: 'bob', value: { page: '/' } })
    expect(await row(driver, 'customers', 'ann')).toEqual({ cents: 1200, pages: 1 })
    expect(await row(driver, 'customers', 'bob')).toEqual({ cents: 0, pages: 1 })
  },
  async payments(driver) {
    const payment = (number: string, timestamp: number) => ({ key: 'ann', value: { number, cents: 5 }, timestamp })
    await driver.send(
      plain('payments'),
      payment('a', START_MS),
      payment('a', START_MS + HOUR_MS - 1),
      payment('b', START_MS + 5 * HOUR_MS),
      payment('b', START_MS),
    )
    const numbers = async (name: string) =>
      (await driver.read(plain(name))).map(({ value, timestamp }) => [value, timestamp])
    expect(await numbers('clean-payments')).toEqual([
      [{ number: 'a', cents: 5 }, START_MS],
      [{ number: 'b', cents: 5 }, START_MS + 5 * HOUR_MS],
    ])
    expect(await numbers('late-payments')).toEqual([[{ number: 'b', cents: 5 }, START_MS]])
  },
  async summing(driver) {
    await driver.send(plain('numbers'), { key: 'k', value: 40 }, { key: 'k', value: 2 })
    expect(await row(driver, 'sums', 'k')).toBe(42)
  },
}

test('every job of the documents has a scenario', () => {
  expect(examples.map(({ name }) => name).sort()).toEqual(Object.keys(SCENARIOS).sort())
})

test.each(examples)(
  'the job $name of the documents does what its page says, with each number of partitions that its page allows',
  async ({ name, file }) => {
    const module: { readonly default: unknown } = await import(pathToFileURL(join(folder, file)).href)
    if (!isJob(module.default)) throw new Error(`${name} is not a job`)
    // The pages of the path append the orders of a customer to one partition: with more, other orders are late.
    for (const partitions of name in PATH_SCENARIOS ? [1] : [1, 3]) {
      const driver = await openTestDriver(module.default, { partitions })
      await SCENARIOS[name]?.(driver)
      await driver.close()
    }
  },
)
