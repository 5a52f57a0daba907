import { type Job, job, json, stream, string, topic, tumbling, windowed } from '@millrace/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const more = topic('more', { key: string(), value: json<number>() })
const copies = topic('copies', { key: string(), value: json<number>() })
const finals = topic('finals', { key: windowed(string()), value: json<number>() })

/** The outputs of one job, made from scratch in each version of its code. */
function outputs() {
  const sums = stream(numbers)
    .groupByKey()
    .reduce('sums', (a, b) => a + b)
  const counts = stream(numbers)
    .groupBy((value) => `${value % 2}`, string())
    .count('counts')
  const closed = stream(numbers).groupByKey().window(tumbling(10)).count('closed', { emit: 'final' })
  return { sums, counts, closed, finals: closed.changes().to(finals), copies: stream(numbers).to(copies) }
}

const inOrder = (): Job => {
  const all = outputs()
  return job('reordered', all.sums, all.counts, all.closed, all.finals, all.copies)
}
const reversed = (): Job => {
  const all = outputs()
  return job('reordered', all.copies, all.finals, all.closed, all.counts, all.sums)
}
/** With one more step, whose topic comes first by name: the job's tasks get other names. */
const renamed = (): Job => {
  const all = outputs()
  const both = stream(more).merge(stream(numbers)).to(copies)
  return job('reordered', both, all.closed, all.finals, all.counts, all.sums)
}

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  for (const name of ['numbers', 'more', 'copies', 'finals']) await world.topic(name)
})

afterEach(() => world.close())

const VERSIONS = [inOrder, reversed, renamed, reversed, renamed, inOrder]

test('outputs and steps in another order, and tasks of another name, keep state, positions and open windows', async () => {
  const sums = new Map<string, number>()
  const counts = new Map<string, number>()
  const produced: number[] = []
  for (const [round, version] of VERSIONS.entries()) {
    // Every round begins in a window that the round before left open.
    const records = Array.from({ length: 15 }, (_, index) => {
      const value = round * 15 + index
      return { key: `k${index % 3}`, value, timestamp: value }
    })
    for (const { key, value } of records) {
      produced.push(value)
      sums.set(key, (sums.get(key) ?? 0) + value)
      counts.set(`${value % 2}`, (counts.get(`${value % 2}`) ?? 0) + 1)
    }
    await world.produce('numbers', numbers.value, records)
    await world.runToEnd(version())
    expect(await world.rows(version(), 'sums'), `round ${round}`).toEqual(sums)
    expect(await world.rows(version(), 'counts'), `round ${round}`).toEqual(counts)
  }
  expect((await world.read('copies', copies.value)).map(([, value]) => value)).toEqual(produced)
  // Each window that the data has closed was sent once, with all its records.
  const found = (await world.read('finals', finals.value)).map(([key, value, timestamp]) => [key, timestamp, value])
  expect(new Set(found.map(([key, timestamp]) => `${key} ${timestamp}`)).size).toBe(found.length)
  expect(found.reduce((sum, [, , value]) => sum + Number(value), 0)).toBe(Math.floor((produced.length - 1) / 10) * 10)
})
