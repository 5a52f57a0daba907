import { json, string, table, topic } from '@millrace/core'
import type { TestDriver } from '@millrace/testing'
import { expect } from 'vitest'
import { filesUnder } from '../structure/source-files.ts'
import { pathPages } from './examples.ts'
import { codeBlocks } from './markdown.ts'

const path = pathPages(filesUnder(['docs/guide'], '.md'))

const plain = (name: string) => topic(name, { key: string(), value: json<object | number>() })

/** The row of a table without windows. */
const row = (driver: TestDriver, name: string, key: string) => driver.view(table(plain('any'), name)).get(key)

/** Sends what the commands of the path append, up to those of a page, in their order. */
async function sendUpTo(driver: TestDriver, page: string): Promise<void> {
  const last = path.findIndex((other) => other.path === `docs/guide/${page}`)
  for (const { text } of path.slice(0, last + 1)) {
    for (const { language, code } of codeBlocks(text)) {
      if (language !== 'sh') continue
      for (const [, name = '', keyField = '', lines = ''] of code.matchAll(
        /topics produce (\S+) --key-field (\S+) << END\n(.*?)^END$/gms,
      )) {
        const values = lines
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
        // Without a topic's `timestamp`, a record would have the time of the clock.
        const records = values.map((value) => ({
          key: value[keyField],
          value,
          timestamp: Date.parse(value.at ?? value.since),
        }))
        await driver.send(plain(name), ...records)
      }
    }
  }
}

async function valuesOf(driver: TestDriver, name: string): Promise<unknown[]> {
  return (await driver.read(plain(name))).map(({ key, value }) => [key, value])
}

/** What the job of each page of the path does with the records of the pages up to it: the numbers that the pages state. */
export const PATH_SCENARIOS: Readonly<Record<string, (driver: TestDriver) => Promise<void>>> = {
  async 'first-job.md'(driver) {
    await sendUpTo(driver, 'first-job.md')
    expect(await row(driver, 'spent', 'ann')).toBe(1400)
    expect(await row(driver, 'spent', 'bob')).toBe(3400)
  },
  async 'keys.md'(driver) {
    await sendUpTo(driver, 'keys.md')
    expect(await row(driver, 'products', 'cup')).toEqual({ sold: 2, cents: 1800 })
    expect(await row(driver, 'products', 'pot')).toEqual({ sold: 1, cents: 2500 })
    expect(await row(driver, 'products', 'tea')).toEqual({ sold: 1, cents: 500 })
  },
  async 'windows.md'(driver) {
    await sendUpTo(driver, 'windows.md')
    await driver.runUntilEnd()
    expect(await valuesOf(driver, 'closed-hours')).toEqual([
      ['cup', { from: '2026-03-02T08:00:00.000Z', sold: 2, cents: 1800 }],
      ['tea', { from: '2026-03-02T08:00:00.000Z', sold: 1, cents: 500 }],
      ['pot', { from: '2026-03-02T09:00:00.000Z', sold: 1, cents: 2500 }],
    ])
  },
  async 'joins.md'(driver) {
    await sendUpTo(driver, 'joins.md')
    expect(await valuesOf(driver, 'reminders')).toEqual([
      ['2', { customer: 'bob', open: 500 }],
      ['3', { customer: 'ann', open: 900 }],
    ])
    // In the test, customers come after the orders: a later order finds them.
    expect(await row(driver, 'cities', 'Bern')).toBeUndefined()
    const order = { id: '7', customer: 'bob', product: 'pot', cents: 2500, at: '2026-03-02T10:40Z' }
    await driver.send(plain('orders'), { key: order.id, value: order })
    expect(await row(driver, 'cities', 'Bern')).toBe(2500)
  },
  async 'time.md'(driver) {
    await sendUpTo(driver, 'time.md')
    expect((await valuesOf(driver, 'late-orders')).map((record) => JSON.stringify(record))).toEqual([
      expect.stringMatching(/^\["tea",\{"id":"6"/),
    ])
    expect(await row(driver, 'spent', 'ann')).toBe(1900)
  },
  async 'own-state.md'(driver) {
    await sendUpTo(driver, 'own-state.md')
    expect(await valuesOf(driver, 'vouchers')).toEqual([
      ['ann', { cents: 95 }],
      ['bob', { cents: 170 }],
      ['cem', { cents: 25 }],
    ])
  },
}
