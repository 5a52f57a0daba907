import { existsSync } from 'node:fs'
import { job, json, stream, string, topic } from '@millrace/core'
import { findTraces, resetJob } from '@millrace/runtime'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const byDigit = stream(numbers)
  .groupBy((value) => `${value % 2}`, string())
  .count('by-digit')
const theJob = job('j', byDigit)

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('numbers')
  await world.produce(
    'numbers',
    numbers.value,
    [1, 2, 3].map((value) => ({ key: 'k', value, timestamp: value })),
  )
})

afterEach(() => world.close())

const options = () => ({ job: 'j', log: world.log, env: world.env, stateDirectory: world.stateDirectory })
const topics = async () => (await world.log.admin.listTopics()).map(({ name }) => name)

test('a job that is reset computes everything from the start of its inputs, once', async () => {
  await world.topic('j.k.by-digit.repartition')
  await world.runToEnd(theJob)
  const traces = await findTraces(options())
  expect(traces.topics).toEqual(['j.changelog', 'j.by-digit.repartition', 'j.catalog'])
  expect((await topics()).length).toBe(5)
  expect(await resetJob(options())).toEqual(traces)
  // A topic of the job j.k does not belong to this job, although its name begins in the same way.
  expect(await topics()).toEqual(['j.k.by-digit.repartition', 'numbers'])
  expect(existsSync(`${world.stateDirectory}/j`)).toBe(false)
  await world.runToEnd(theJob)
  expect(await world.rows(theJob, 'by-digit')).toEqual(new Map(Object.entries({ 0: 1, 1: 2 })))
  await expect(resetJob({ ...options(), job: 'unknown' })).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
})

test('a job that runs is not reset', async () => {
  const container = await world.start(theJob)
  await expect(resetJob(options())).rejects.toMatchObject({ code: 'JOB_RUNNING' })
  await container.stop()
  await world.runToEnd(theJob)
  expect(await world.rows(theJob, 'by-digit')).toEqual(new Map(Object.entries({ 0: 1, 1: 2 })))
})

test('a job of which only the changelog was deleted is refused, as what is on its way would count twice', async () => {
  await world.runToEnd(theJob)
  await world.log.admin.deleteTopic('j.changelog')
  await expect(world.start(theJob)).rejects.toMatchObject({
    code: 'JOB_TOPIC_UNFIT',
    place: { topic: 'j.by-digit.repartition' },
  })
  await resetJob(options())
  await world.runToEnd(theJob)
  expect(await world.rows(theJob, 'by-digit')).toEqual(new Map(Object.entries({ 0: 1, 1: 2 })))
})

test('a job whose catalog holds a foreign record is refused', async () => {
  await world.runToEnd(theJob)
  await world.produce('j.catalog', json<unknown>(), [{ key: null, value: { changelog: 1 }, timestamp: 1 }])
  await expect(world.start(theJob)).rejects.toMatchObject({ code: 'JOB_TOPIC_UNFIT', place: { topic: 'j.catalog' } })
})

test('a job of which only the catalog was deleted is refused, because nothing describes its state', async () => {
  await world.runToEnd(theJob)
  await world.log.admin.deleteTopic('j.catalog')
  await expect(world.start(theJob)).rejects.toMatchObject({ code: 'JOB_TOPIC_UNFIT', place: { topic: 'j.changelog' } })
})
