import { int32, type Job, job, json, last, stream, string, topic } from '@millrace/core'
import { expect, test } from 'vitest'
import type { Difference } from './difference.ts'
import { simulate } from './simulate.ts'
import { SimulationError } from './simulation-error.ts'

const orders = topic('orders', { key: string(), value: int32() })
const others = topic('others', { key: string(), value: int32() })
const out = topic('out', { key: string(), value: json<unknown>() })

const records = Array.from({ length: 30 }, (_, index) => ({
  key: `k${index % 5}`,
  value: index,
  timestamp: index * 1000,
}))
const inputs = [{ topic: orders, records }] as const

const bothTopics = [
  ...inputs,
  { topic: others, records: records.map((each) => ({ ...each, value: -each.value })) },
] as const

/** The error that a simulation finds; the test fails if it finds none. */
async function found(theJob: Job | (() => Job), more: object = {}): Promise<SimulationError> {
  const error = await simulate(theJob, { inputs, ...more }).catch((reason: unknown) => reason)
  if (!(error instanceof SimulationError)) throw new Error('The simulation found nothing', { cause: error })
  return error
}

const copied = (fn: (value: number, key: string) => unknown) =>
  job('copies', stream(orders).mapValues(fn, json()).to(out))

test('finds a counter outside of the job, and names the output, the seed and the likely causes', async () => {
  let count = 0
  const error = await found(copied(() => ++count))
  expect(error.message).toMatch(
    /^With seed 1, job copies comes to something else each time that it runs, also without crashes\n {2}topic out, key "k\d", record 1: expected \d+ at 1970-01-01T00:00:0\d.000Z, found \d+ at /,
  )
  expect(error.message).toContain(
    '\n  and 25 more\nA callback reads the clock or random numbers, or it keeps something outside',
  )
  expect(error.message).toMatch(/\nRun it again with the option seed: 1$/)
  expect(error.differences).toHaveLength(30)
})

test.each([
  ['Math.random', () => Math.random()],
  ['Date.now', () => Date.now()],
  ['new Date()', () => new Date().toISOString()],
  ['performance.now', () => performance.now()],
  ['crypto.randomUUID', () => crypto.randomUUID()],
])('finds a callback that calls %s, and names the line', async (name, fn) => {
  const globals = () => [Math.random, Date, Date.now, performance.now, crypto.randomUUID]
  const before = globals()
  const error = await found(copied(fn))
  expect(error.message).toContain('each time that it runs')
  expect(error.message).toMatch(/\nA callback calls \S+( \S+)? at \S+simulate\.test\.ts:\d+:\d+\nRun it again/)
  expect(error.message).toContain(`calls ${name} at `)
  expect(globals()).toEqual(before)
  expect(Object.hasOwn(performance, 'now')).toBe(false)
})

test('finds a callback whose results depend only on the day, and sees no other time after it', async () => {
  const today = () => new Date().toISOString().slice(0, 10)
  const error = await found(copied(today))
  expect(error.message).toContain('comes to something else if it runs at another time, also without crashes')
  expect(error.message).toMatch(
    /\nA callback reads the clock.*\nA callback calls new Date\(\) at \S+simulate\.test\.ts:/,
  )
  expect(JSON.parse(error.differences[0]?.found?.split(' ')[0] ?? '') > today()).toBe(true)
})

test('a callback may read the clock if nothing follows from it', async () => {
  const measured = copied((value) => {
    const began = performance.now()
    return performance.now() < began || new Date() < new Date(0) || Date().length === 0 ? 'never' : value
  })
  await simulate(measured, { inputs, seeds: 10 })
})

test('only callbacks see another time while a job is simulated', async () => {
  const seen: number[] = []
  const noting = copied((value) => {
    queueMicrotask(() => seen.push(Date.now()))
    return value
  })
  await simulate(noting, { inputs, seeds: 3 })
  expect(Math.max(...seen)).toBeLessThanOrEqual(Date.now())
})

test('finds a Map outside of the job whose content comes into values', async () => {
  const before = new Map<string, number>()
  const error = await found(
    copied((value, key) => {
      const change = value - (before.get(key) ?? 0)
      before.set(key, value)
      return change
    }),
  )
  expect(error.message).toContain('such as a Map or a counter')
})

test('finds a cache that only a restart empties, if the job is made at each start', async () => {
  const withCache = () => {
    const first = new Map<string, number>()
    return copied((value, key) => {
      if (!first.has(key)) first.set(key, value)
      return first.get(key)
    })
  }
  await simulate(withCache(), { inputs, seeds: 10 })
  const error = await found(withCache)
  expect(error.message).toContain('comes to something else if it is cut off and started again\n')
})

test('finds a callback that changes a row of a table in place', async () => {
  const rows = stream(others)
    .mapValues((value) => ({ value, read: 0 }), json<{ value: number; read: number }>())
    .toTable('rows')
  const counted = stream(orders).join('reads', rows, (_, row) => ++row.read, { value: json<unknown>() })
  const error = await found(job('reads', counted.to(out)), { inputs: bothTopics })
  expect(error.message).toContain('comes to something else if it is cut off and started again\n  topic out')
  expect(error.message).toContain('A callback changes a value that it got instead of returning a new one')
})

test('finds a record that is filtered out because it was seen before, outside of the job', async () => {
  const seen = new Set<number>()
  const unique = stream(orders).filter((value) => seen.size < seen.add(value).size)
  const { differences } = await found(job('unique', unique.to(out)))
  expect(differences.every((each: Difference) => each.expected !== undefined && each.found === undefined)).toBe(true)
})

test('a run that fails after a crash alone is reported with its error', async () => {
  const failing = () => {
    const seen = new Set<number>()
    return copied((value, key) => {
      seen.add(value)
      if (key === 'k4' && value > 10 && !seen.has(4)) throw new Error('no beginning')
      return value
    })
  }
  const error = await found(failing)
  expect(error.message).toMatch(/job copies fails if it is cut off and started again: .*no beginning/)
  expect(error.cause).toMatchObject({ code: 'CALLBACK_FAILED' })
})

test('a job that fails without crashes is reported with its error, and the seed that made its records', async () => {
  const strict = copied((value) => {
    if (value > 90) throw new Error('too much')
    return value
  })
  const made = { inputs: (random: { below(count: number): number }) => [input(random.below(100))] }
  const error = await simulate(strict, made).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ name: 'SimulationError', differences: [], cause: { code: 'CALLBACK_FAILED' } })
  const { message, seed } = error as SimulationError
  expect(message).toMatch(/fails: .*too much/)
  const again = await simulate(strict, { ...made, seed }).catch((reason: unknown) => reason)
  expect(again).toMatchObject({ message })
})

function input(value: number) {
  return { topic: orders, records: [{ key: 'a', value, timestamp: 0 }] }
}

const readings = stream(orders).merge(stream(others))
test('a fold that depends on the order of topics is right, unless all orders must come to the same', async () => {
  const joined = readings.groupByKey().aggregate('texts', {
    init: () => '',
    add: (text, value) => `${text} ${value}`,
    value: string(),
  })
  const theJob = job('joined', joined)
  await simulate(theJob, { inputs: bothTopics, seeds: 10 })
  const error = await found(theJob, { inputs: bothTopics, interleavings: 'same views' })
  expect(error.message).toContain('comes to something else if its partitions are read in another order\n  view texts')
})

test('a fold that goes by times has the same views in all orders, and other changes on the way', async () => {
  const latest = readings.groupByKey().aggregate('latest', last())
  const theJob = job('latest', latest, latest.changes().to(out))
  await simulate(theJob, { inputs: bothTopics, seeds: 10, interleavings: 'same views' })
  const error = await found(theJob, { inputs: bothTopics, interleavings: 'same result' })
  expect(error.differences[0]?.place).toContain('topic out')
})

test('rejects an input that is not a topic of the job', async () => {
  await expect(simulate(copied(String), { inputs: [{ topic: others, records: [] }] })).rejects.toThrow(
    'Job copies has no topic others. Leave it out of the inputs, or correct its name',
  )
})

test.each([0, -1, 1.5, Number.NaN])('rejects %d seeds, which would try nothing', async (seeds) => {
  await expect(simulate(copied(String), { inputs, seeds })).rejects.toThrow(`There cannot be ${seeds} seeds`)
})

test('rejects a seed that does not repeat', async () => {
  await expect(simulate(copied(String), { inputs, seed: 2 ** 60 })).rejects.toThrow('is not a safe integer')
})

test('compares the topics that a job chooses for each record', async () => {
  let count = 0
  const chosen = job(
    'chosen',
    stream(orders)
      .mapValues(() => ++count, json<unknown>())
      .to(() => 'out'),
  )
  const error = await found(chosen, { chosenTopics: [out] })
  expect(error.differences[0]?.place).toContain('topic out')
})

test('the same seed runs the same interleaving', async () => {
  const orderOf = async () => {
    const order: number[] = []
    const peeked = job(
      'peeked',
      stream(orders)
        .peek((value) => void order.push(value))
        .to(out),
    )
    await simulate(peeked, { inputs, seed: 5 })
    return order
  }
  const order = await orderOf()
  expect(order.length).toBeGreaterThan(60)
  expect(await orderOf()).toEqual(order)
})
