import { formatPosition, job, json, parsePosition, reaches, stream, string, topic } from '@millrace/core'
import { startViewServer } from '@millrace/runtime'
import { firstValueFrom } from 'rxjs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

/** Names that every object of JavaScript inherits. */
const NAMES = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', 'isPrototypeOf']

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  for (const name of NAMES) await world.topic(name)
})

afterEach(() => world.close())

const value = json<number>()
const views = NAMES.map((name) =>
  stream(topic(name, { key: string(), value }))
    .groupBy((_, key) => key, string())
    .count(name),
)
const theJob = job('constructor', ...views)

async function produce(timestamp: number): Promise<void> {
  for (const name of NAMES) await world.produce(name, value, [{ key: 'k', value: 1, timestamp }])
}

/** All names that an ordinary object finds without an own property. */
const inherited = () =>
  NAMES.map((name) => Object.getOwnPropertyDescriptors(Object.getOwnPropertyDescriptor(Object.prototype, name)?.value))

test('topics, stores and jobs may be named as what every object inherits', async () => {
  const before = inherited()
  await produce(1)
  await world.runToEnd(theJob)
  await produce(2)
  await world.runToEnd(theJob)
  for (const name of NAMES) expect(await world.rows(theJob, name), name).toEqual(new Map([['k', 2]]))
  // A different set of stores causes the catalog to be compared with the job.
  await world.runToEnd(job('constructor', ...views.slice(1)))
  await produce(3)
  await expect(world.runToEnd(theJob)).resolves.toBeUndefined()
  for (const name of NAMES) expect(await world.rows(theJob, name), name).toEqual(new Map([['k', 3]]))
  expect(inherited()).toEqual(before)
})

test('answers have positions in topics that are named as what every object inherits', async () => {
  await produce(1)
  const container = await world.start(theJob)
  try {
    await world.until(container, 'constructor', 1)
    const status = await firstValueFrom(container.status)
    const server = await startViewServer({
      job: 'constructor',
      views: container.views,
      status: () => status,
      env: world.env,
      token: null,
    })
    const url = `${server.url}/views/constructor/value?key=k&after=constructor/0=1`
    const answer = await fetch(url)
    expect([answer.status, await answer.json()]).toMatchObject([200, { value: 1 }])
    await server.close()
  } finally {
    await container.stop()
  }
})

test('positions in topics that are named as what every object inherits come back from text', () => {
  const text = NAMES.toSorted()
    .map((name, at) => `${name}/0=${at + 1}`)
    .join(',')
  expect(formatPosition(parsePosition(text))).toBe(text)
  expect(reaches({}, parsePosition('constructor/0=1'))).toBe(false)
})
