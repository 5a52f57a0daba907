import {
  avg,
  calendar,
  count,
  countWindow,
  type EmitOptions,
  int32,
  job,
  json,
  max,
  sessions,
  sliding,
  stream,
  string,
  topic,
  tumbling,
  windowed,
} from '@millrace/core'
import { openTestDriver } from '@millrace/testing'
import { describe, expect, test } from 'vitest'

const numbers = topic('numbers', { key: string(), value: int32() })
const results = topic('results', { key: windowed(string()), value: json<unknown>() })
const grouped = stream(numbers).groupByKey()
const folds = { records: count(), highest: max<number>(), mean: avg<number>() }

const HOUR_MS = 3_600_000

/** Two runs of records with a record between them that comes last, and one that closes all windows. */
const RECORDS = [
  { key: 'a', value: 4, timestamp: 0 },
  { key: 'a', value: 2, timestamp: 40 },
  { key: 'a', value: 9, timestamp: 20 },
  { key: 'z', value: 0, timestamp: 100 * HOUR_MS },
] as const

const WHOLE = { records: 3, highest: 9, mean: 5 }

const WINDOWS = {
  tumbling: (options: EmitOptions) => grouped.window(tumbling(100, { grace: 30 })).aggregate('totals', folds, options),
  session: (options: EmitOptions) =>
    grouped.window(sessions({ gap: 30, grace: 30 })).aggregate('totals', folds, options),
  calendar: (options: EmitOptions) =>
    grouped.window(calendar('day', { timeZone: 'UTC', grace: 30 })).aggregate('totals', folds, options),
} as const

describe.each(Object.keys(WINDOWS) as (keyof typeof WINDOWS)[])('ready-made folds by %s windows', (kind) => {
  test.each<[string, EmitOptions]>([
    ['changes', {}],
    ['final', { emit: 'final' }],
    ['every 10 ms', { emit: { every: 10 } }],
  ])('show their results in views and what follows: %s', async (_how, options) => {
    const totals = WINDOWS[kind](options)
    const driver = await openTestDriver(job('j', totals, totals.changes().to(results)))
    for (const record of RECORDS) await driver.send(numbers, record)
    const rows = await driver.read(results)
    const ofA = rows.filter(({ key }) => key.key === 'a')
    // What passed before was results too, or the deletion of a session that became part of another one.
    for (const { value } of ofA) expect(value === null || 'mean' in Object(value)).toBe(true)
    const left = new Map(ofA.map(({ key, value }) => [key.window.start + key.window.end, value]))
    expect([...left.values()].filter((value) => value !== null)).toEqual([WHOLE])
    const shown = []
    for await (const { value } of driver.view(totals).windows('a')) shown.push(value)
    expect(shown).toEqual([WHOLE])
    await driver.close()
  })
})

test('ready-made folds of so many records, and of sliding windows, pass on their results', async () => {
  const three = grouped.window(countWindow(3)).aggregate('three', folds)
  const near = grouped.window(sliding(50, { grace: 30 })).aggregate('near', folds)
  const full = topic('full', { key: string(), value: json<unknown>() })
  const driver = await openTestDriver(job('j', three.to(full), near.changes().to(results)))
  for (const record of RECORDS) await driver.send(numbers, record)
  expect(await driver.read(full)).toMatchObject([{ key: 'a', value: WHOLE }])
  const rows = (await driver.read(results)).filter(({ key }) => key.key === 'a')
  expect(rows.map(({ value }) => value)).toEqual([
    { records: 1, highest: 4, mean: 4 },
    { records: 2, highest: 9, mean: 6.5 },
    WHOLE,
  ])
  await driver.close()
})
