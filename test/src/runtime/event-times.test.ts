import { deadLetter, job, json, stream, string, type Topic, topic, tumbling } from '@millrace/core'
import { EVENT_TIME_MAX } from '@millrace/core/internal'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

interface Reading {
  readonly at: number
}

const DAY_MS = 86_400_000
const options = { key: string(), value: json<Reading>(), timestamp: (reading: Reading) => reading.at }
const readings = topic('readings', options)

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  for (const name of ['readings', 'copies', 'letters']) await world.topic(name)
})

afterEach(() => world.close())

async function produce(...times: number[]): Promise<void> {
  const records = times.map((at) => ({ key: 'k', value: { at }, timestamp: 0 }))
  await world.produce('readings', readings.value, records)
}

/** A job with every kind of step that uses time: a copy, a window, and a window behind a repartition topic. */
function jobOver(source: Topic<string, Reading>) {
  const copies = topic('copies', { key: string(), value: json<unknown>() })
  const direct = stream(source).groupByKey().window(tumbling('1h')).count('direct', { emit: 'final' })
  const behind = stream(source)
    .groupBy(() => 'all', string())
    .window(tumbling('1h'))
    .count('behind')
  return job('times', direct, behind, stream(source).to(copies))
}

async function results() {
  const { length } = await world.read('copies', json())
  const direct = await world.rows(jobOver(readings), 'direct')
  const behind = await world.rows(jobOver(readings), 'behind')
  return { copies: length, direct: [...direct.values()], behind: [...behind.values()] }
}

describe('a record from the future', () => {
  test('has no effect: windows stay open for the records after it, and it is counted', async () => {
    const now = Date.now()
    const hour = now - (now % 3_600_000)
    await produce(hour, hour + 5 * 365 * DAY_MS, hour + 1)
    await world.runToEnd(jobOver(readings).onError({ undecodable: deadLetter('letters') }))
    expect(await results()).toEqual({ copies: 2, direct: [2], behind: [2] })
    expect(await world.read('letters', readings.value)).toHaveLength(1)
  })

  test('stops a job without another policy, and the message names the record and the setting', async () => {
    await produce(Date.now() + 2 * DAY_MS)
    await expect(world.runToEnd(jobOver(readings))).rejects.toMatchObject({
      code: 'TIMESTAMP_AHEAD',
      message: expect.stringMatching(/readings\/0 offset 0 .* The topic allows 1d \(aheadMax\)/),
      place: { topic: 'readings', partition: 0, offset: 0 },
    })
  })

  test('is taken if the topic allows it', async () => {
    await produce(Date.now() + 2 * DAY_MS)
    await world.runToEnd(jobOver(topic('readings', { ...options, aheadMax: '3d' })))
    expect((await results()).copies).toBe(1)
  })

  test('is taken, however far ahead it is, if the topic knows no limit', async () => {
    await produce(EVENT_TIME_MAX)
    const unlimited = topic('readings', { ...options, aheadMax: 'unlimited' })
    await world.runToEnd(jobOver(unlimited))
    expect((await results()).copies).toBe(1)
  })
})

describe('an event time that no log can hold with its windows', () => {
  test.each([-1, 0.5, EVENT_TIME_MAX + 1, Number.MAX_SAFE_INTEGER])(
    'is refused at the input, before any step: %d',
    async (at) => {
      await produce(at, 5)
      await world.runToEnd(jobOver(readings).onError({ undecodable: 'skip' }))
      expect(await results()).toEqual({ copies: 1, direct: [1], behind: [1] })
    },
  )

  test('stops a job without another policy', async () => {
    await produce(-1)
    await expect(world.runToEnd(jobOver(readings))).rejects.toMatchObject({
      code: 'BAD_TIMESTAMP',
      place: { topic: 'readings', partition: 0, offset: 0 },
    })
  })
})

test('a limit for future times that is not a duration is refused when the job is built', () => {
  const invalid = topic('readings', { ...options, aheadMax: Number.NaN })
  expect(() => jobOver(invalid)).toThrow(/no usable aheadMax. It must be a duration/)
})
