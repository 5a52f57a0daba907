import { cpSync, rmSync } from 'node:fs'
import { openFileLog } from '@millrace/connectors/file'
import { int32, job, json, type Log, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { startContainer } from '@millrace/runtime'
import { map, Observable, take } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { passLog } from './cut-log.ts'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const out = topic('out', { key: string(), value: json<unknown>() })
const counts = stream(numbers).groupByKey().count('counts')
const repartitioned = job(
  'counting',
  stream(numbers)
    .groupBy((value) => `${value}`, string())
    .count('counts'),
)

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('numbers')
  await world.topic('out')
})

afterEach(() => world.close())

function produce(...values: (number | null)[]): Promise<void> {
  return world.produce(
    'numbers',
    numbers.value,
    values.map((value, index) => ({ key: 'k', value, timestamp: index })),
  )
}

describe('a start is refused', () => {
  test.each(['none', 'same-slot'] as const)(
    'if transactions of the log reach %s of its topics',
    async (transactions) => {
      const log = passLog(world.log)
      const start = startContainer({
        job: job('j', counts),
        log: { ...log, capabilities: { ...log.capabilities, transactions } },
        env: world.env,
        stateDirectory: world.stateDirectory,
      })
      await expect(start).rejects.toMatchObject({ code: 'UNSUPPORTED', place: { job: 'j' } })
      expect((await world.log.admin.listTopics()).map(({ name }) => name)).toEqual(['numbers', 'out'])
    },
  )

  test('if the log has less of an input than the job has processed', async () => {
    await produce(1, 2)
    const partition = `${world.directory}/topics/numbers`
    const copy = `${world.directory}/copy`
    cpSync(partition, copy, { recursive: true })
    await produce(3, 4, 5)
    await world.runToEnd(job('counting', counts))
    // An older copy replaces the data that the job has read.
    rmSync(partition, { recursive: true })
    cpSync(copy, partition, { recursive: true })
    const { directory, stateDirectory, env } = world
    const log: Log = await openFileLog({ directory, env: nodeEnv(), durability: 'os' })
    try {
      const again = startContainer({ job: job('counting', counts), log, env, stateDirectory, untilEnd: true })
      await expect(again).rejects.toMatchObject({
        code: 'INPUT_LOST',
        message: expect.stringMatching(/numbers\/0 up to offset 5.*ends at 2/),
        place: { topic: 'numbers', partition: 0, offset: 5 },
      })
    } finally {
      await log.close()
    }
  })

  test('if the catalog of the job holds a record of something else', async () => {
    await produce(1)
    await world.runToEnd(job('counting', counts))
    await world.produce('counting.catalog', string(), [{ key: null, value: 'mine', timestamp: 0 }])
    await expect(world.start(job('counting', counts))).rejects.toMatchObject({
      code: 'JOB_TOPIC_UNFIT',
      message: expect.stringMatching(/counting\.catalog holds a record that is not a catalog/),
    })
  })

  test('if the changelog holds state that no catalog describes', async () => {
    await produce(1)
    await world.runToEnd(job('counting', counts))
    await world.log.admin.deleteTopic('counting.catalog')
    await expect(world.start(job('counting', counts))).rejects.toMatchObject({
      code: 'JOB_TOPIC_UNFIT',
      message: expect.stringMatching(/counting\.changelog holds state, and .*millrace reset counting/),
    })
  })

  test('if a repartition topic holds what was sent before the changelog was deleted', async () => {
    await produce(1)
    await world.runToEnd(repartitioned)
    await world.log.admin.deleteTopic('counting.changelog')
    await expect(world.start(repartitioned)).rejects.toMatchObject({
      code: 'JOB_TOPIC_UNFIT',
      message: expect.stringMatching(/counting\.counts\.repartition holds records .*millrace topics delete/),
    })
  })

  test('if a store is to start empty that the job does not have', async () => {
    await expect(world.start(job('counting', counts), { acceptLoss: ['sums'] })).rejects.toMatchObject({
      code: 'JOB_INVALID',
      message: expect.stringMatching(/no store sums .* Its stores: counts/),
    })
  })
})

describe('a job stops', () => {
  test.each([
    ['complete', stream(numbers).pipe(take(1)), /completed, so later records would be lost/],
    [
      'fail',
      stream(numbers).pipe(
        map((value) => {
          if (value === 2) throw new Error('no twos')
          return value
        }),
      ),
      /failed: Error: no twos/,
    ],
  ])('if the operators of a pipe %s', async (_, piped, message) => {
    await produce(1, 2, 3)
    await expect(world.runToEnd(job('piped', piped.to(out)))).rejects.toMatchObject({
      code: 'PIPE_ENDED',
      message: expect.stringMatching(message),
    })
  })

  test('if the operators of a pipe emit when no record is processed', async () => {
    let emitLate = (): void => undefined
    const late = (source: Observable<number>) =>
      new Observable<number>((subscriber) => {
        emitLate = () => subscriber.next(0)
        return source.subscribe(subscriber)
      })
    const container = await world.start(job('piped', stream(numbers).pipe(late).to(out)))
    const ended = expect(container.done).rejects.toMatchObject({ code: 'PIPE_ASYNC' })
    emitLate()
    await produce(1)
    await ended
  })

  test('if another process has written to its repartition topic', async () => {
    await world.runToEnd(repartitioned)
    await world.produce('counting.counts.repartition', string(), [{ key: 'k', value: 'mine', timestamp: 0 }])
    await expect(world.runToEnd(repartitioned)).rejects.toMatchObject({
      code: 'REPARTITION_FOREIGN',
      place: { topic: 'counting.counts.repartition', partition: 0 },
    })
  })
})

describe('a record is refused', () => {
  test('if its value or its key does not fit the serde of the topic that it goes to', async () => {
    await produce(1)
    const whole = topic('out', { key: string(), value: int32() })
    const half = stream(numbers).mapValues((value) => value / 2)
    const keyed = topic('out', { key: int32(), value: json<number>() })
    const bad = stream(numbers).keyBy((value) => value / 2, int32())
    for (const [name, output] of [
      ['value', half.to(whole)],
      ['key', bad.to(keyed)],
    ] as const) {
      await expect(world.runToEnd(job(name, output)), name).rejects.toMatchObject({
        code: 'RECORD_UNENCODABLE',
        message: expect.stringContaining(`cannot write a ${name} as int32`),
      })
    }
  })

  test('if a callback that must return a topic or a total returns none', async () => {
    await produce(1)
    const nowhere = stream(numbers).to(() => undefined as never)
    const nothing = stream(numbers)
      .groupByKey()
      .aggregate('totals', { init: () => 0, add: () => undefined as never, value: json<number>() })
    for (const [name, output, expected] of [
      ['topic', nowhere, 'It must return the name of a topic'],
      ['total', nothing, 'It must return the new total'],
    ] as const) {
      await expect(world.runToEnd(job(name, output)), name).rejects.toMatchObject({
        code: 'CALLBACK_FAILED',
        message: expect.stringContaining(expected),
      })
    }
  })

  test('if it has no key, and the step keeps its results by key', async () => {
    await world.produce('numbers', numbers.value, [{ key: null, value: 1, timestamp: 0 }])
    await expect(world.runToEnd(job('counting', counts))).rejects.toMatchObject({ code: 'KEY_MISSING' })
  })
})
