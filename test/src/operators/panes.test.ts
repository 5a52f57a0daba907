import { bytes, deadLetter, distinct, hopping, int32, job, json, stream, string, topic, windowed } from '@millrace/core'
import { openTestDriver } from '@millrace/testing'
import { expect, test } from 'vitest'

const numbers = topic('numbers', { key: string(), value: int32() })
const finals = topic('finals', { key: windowed(string()), value: json<unknown>() })
const dead = topic('dead', { key: bytes(), value: bytes() })
const grouped = stream(numbers).groupByKey()

const DAY_MS = 86_400_000

test('a window whose panes have more together than a fold keeps fails alone, when it closes', async () => {
  const few = grouped.window(hopping(20, { advance: 10, panes: true })).aggregate(
    'few',
    distinct((value) => value, { max: 2 }),
    { emit: 'final' },
  )
  const theJob = job('few', few, few.changes().to(finals)).onError({ callback: deadLetter('dead') })
  const driver = await openTestDriver(theJob)
  // Panes 0, 10 and 20 have two values each. Only the windows of one pane, and of the last two, have no more.
  for (const [timestamp, value] of [
    [0, 1],
    [5, 2],
    [10, 3],
    [15, 4],
    [20, 3],
    [25, 4],
    [1000, 0],
  ] as const)
    await driver.send(numbers, { key: 'a', value, timestamp })
  const rows = (await driver.read(finals)).map(({ key: { window }, value }) => [window.start, value])
  expect(rows).toEqual([
    [-10, 2],
    [10, 2],
    [20, 2],
  ])
  const letters = await driver.read(dead)
  expect(letters).toHaveLength(1)
  const [letter] = letters.map(({ headers }) => new Map(headers.map(([name, value]) => [name, `${value}`])))
  expect(letter?.get('millrace.error')).toBe('TOTAL_TOO_LARGE')
  expect(letter?.get('millrace.window')).toBe('{"start":0,"end":20}')
  await driver.close()
})

test('a key is not looked at for the windows in which it has no records', async () => {
  const counts = grouped.window(hopping('1s', { advance: 1, panes: true })).count('counts', { emit: 'final' })
  const driver = await openTestDriver(job('rare', counts, counts.changes().to(finals)))
  // Between the records are a billion windows.
  for (const timestamp of [0, 10 * DAY_MS, 20 * DAY_MS]) await driver.send(numbers, { key: 'a', value: 1, timestamp })
  const written = await driver.read(finals)
  expect(written).toHaveLength(2000)
  expect(written[1000]?.key).toEqual({ key: 'a', window: { start: 10 * DAY_MS - 999, end: 10 * DAY_MS + 1 } })
  await driver.close()
})

function joined(a: number[], b: number[]): number[] {
  a.push(...b)
  return a
}

test.each([
  ['changes the first', joined],
  [
    'returns the second, and changes it later as the first',
    (a: number[], b: number[]) => (a[0] === 1 ? b : joined(a, b)),
  ],
])('a merge that %s of the totals that it gets changes no other window', async (_text, merge) => {
  const lists = grouped.window(hopping(30, { advance: 10, panes: true })).aggregate('lists', {
    init: (): number[] => [],
    add: (total, value) => [...total, value],
    merge,
    emit: 'final',
  })
  const driver = await openTestDriver(job('lists', lists, lists.changes().to(finals)))
  for (const value of [1, 2, 3, 4]) await driver.send(numbers, { key: 'a', value, timestamp: 10 * value })
  await driver.send(numbers, { key: 'a', value: 5, timestamp: 1000 })
  const panes = [[1], [1, 2], [1, 2, 3], [2, 3, 4], [3, 4], [4]]
  const expected = panes.map((values) => values.map((value) => [value]).reduce(merge))
  expect((await driver.read(finals)).map(({ value }) => value)).toEqual(expected)
  await driver.close()
})

test.each([false, true])(
  'a window stays in the view if a step behind fails at its final, with panes %s',
  async (panes) => {
    const counts = grouped.window(hopping(20, { advance: 10, panes })).count('counts', { emit: 'final' })
    const checked = counts.changes().mapValues((total): unknown => {
      if (total === 2) throw new Error('two')
      return total
    }, json())
    const driver = await openTestDriver(job('checked', counts, checked.to(finals)).onError({ callback: 'skip' }))
    for (const timestamp of [0, 10, 1000]) await driver.send(numbers, { key: 'a', value: 1, timestamp })
    expect((await driver.read(finals)).map(({ key: { window } }) => window.start)).toEqual([-10, 10])
    const rows: (readonly [number, number])[] = []
    for await (const { window, value } of driver.view(counts).windows('a')) rows.push([window.start, value])
    expect(rows.slice(0, 3)).toEqual([
      [-10, 1],
      [0, 2],
      [10, 1],
    ])
    await driver.close()
  },
)
