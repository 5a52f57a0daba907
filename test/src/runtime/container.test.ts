import { job, json, stream, string, topic } from '@millrace/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const out = topic('out', { key: string(), value: json<unknown>() })

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('numbers')
  await world.topic('out')
})

afterEach(() => world.close())

/** Records with the given values, one a second, under key `k`. */
function produce(...values: (number | null)[]): Promise<void> {
  const records = values.map((value, index) => ({ key: 'k', value, timestamp: 1000 * index }))
  return world.produce('numbers', numbers.value, records)
}

describe('a container', () => {
  test('refuses a job that runs with another guarantee, and one whose topics are missing', async () => {
    const theJob = job('once', stream(numbers).to(out))
    await produce(1)
    await world.runToEnd(theJob)
    const container = await world.start(theJob)
    const early = { guarantee: 'at-least-once' } as const
    await expect(world.start(theJob, early)).rejects.toMatchObject({ code: 'JOB_CHANGED' })
    await container.stop()
    const other = await world.start(theJob, early)
    await expect(world.start(theJob)).rejects.toMatchObject({ code: 'JOB_CHANGED' })
    await (await world.start(theJob, early)).stop()
    await other.stop()
    await world.log.admin.deleteTopic('numbers')
    await expect(world.start(theJob)).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
    await world.topic('numbers')
    await expect(world.start(theJob)).rejects.toMatchObject({ code: 'TOPIC_REPLACED' })
  })

  test('commits what it has processed before it stops', async () => {
    const counts = stream(numbers).groupByKey().count('counts')
    const theJob = job('stops', counts)
    const container = await world.start(theJob, { commitIntervalMs: 60_000 })
    const processed = new Promise<void>((resolve) => {
      container.status.subscribe(({ tasks }) => {
        if (tasks[0]?.counts.processed === 3) resolve()
      })
    })
    await produce(1, 2, 3)
    await processed
    await container.stop()
    await container.done
    expect(await world.rows(theJob, 'counts')).toEqual(new Map([['k', 3]]))
  })

  test('shows only what is committed', async () => {
    const counts = stream(numbers).groupByKey().count('counts')
    const container = await world.start(job('committed', counts), { commitIntervalMs: 60_000 })
    const processed = new Promise<void>((resolve) => {
      container.status.subscribe(({ tasks }) => {
        if (tasks[0]?.counts.processed === 2) resolve()
      })
    })
    await produce(1, 2)
    await processed
    const part = container.views[0]?.parts[0]
    expect(await part?.store.get('k')).toBeUndefined()
    expect(part?.position).toEqual({ numbers: { 0: 0 } })
    await container.stop()
  })

  test('reports to the followers of a view what each commit changed', async () => {
    const counts = stream(numbers).groupByKey().count('counts')
    const container = await world.start(job('watched', counts))
    const seen: unknown[] = []
    const last = new Promise<void>((resolve) => {
      container.views[0]?.parts[0]?.changes.subscribe(({ changes, position }) => {
        for (const { key, value } of changes) seen.push([key, value])
        if (position['numbers']?.['0'] === 3) resolve()
      })
    })
    await produce(1, 2, 3)
    await last
    expect(seen.at(-1)).toEqual(['k', 3])
    await container.stop()
  })
})
