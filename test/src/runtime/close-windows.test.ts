import { rmSync } from 'node:fs'
import { openFileLog } from '@millrace/connectors/file'
import { type Job, job, json, sessions, sliding, stream, string, topic, tumbling } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { trials } from '../crash/extent.ts'
import { type CutRun, cutRuns } from '../operators/cut-runs.ts'
import { Cut, cutLog, guaranteeAt } from './cut-log.ts'
import { JobWorld, type TestRecord } from './job-world.ts'

const left = topic('left', { key: string(), value: json<number>(), aheadMax: 'unlimited' })
const right = topic('right', { key: string(), value: json<number>(), aheadMax: 'unlimited' })
const out = topic('out', { key: string(), value: json<unknown>() })
const TOPICS = ['left', 'right', 'out']

const CLOSING = { closeWindows: true, untilEnd: true } as const
/** The value of a record that only moves time. */
const MOVER = -1

/** Everything that waits for time, in one job: behind one repartition topic, behind two, and in the tasks that read the inputs. */
function everything(): Job {
  const records = stream(left).filter((value) => value !== MOVER)
  const others = stream(right).filter((value) => value !== MOVER)
  const add = (a: number, b: number) => a + b
  const short = records
    .groupBy((value) => `g${value % 3}`, string())
    .window(tumbling(10, { grace: 3 }))
    .reduce('short', add, { emit: 'final' })
  const long = short
    .changes()
    .groupBy(() => 'all', string())
    .window(tumbling(45))
    .reduce('long', add, { emit: 'final' })
  const runs = records
    .groupByKey()
    .window(sessions({ gap: 7, grace: 2 }))
    .reduce('runs', add, { emit: 'final' })
  const recent = records
    .groupByKey()
    .window(sliding(12, { grace: 2 }))
    .reduce('recent', add)
  const pairs = records.outerJoin('pairs', others, (a, b) => [a, b], { within: 6, grace: 4, value: json<unknown>() })
  const silent = records.process('silent', {
    value: json<unknown>(),
    onRecord: (_value, _key, { timers }) => timers.quiet.after(20),
    timers: {
      quiet: (_key, { emit, timers, timestamp }) => {
        emit(['quiet', timestamp])
        timers.gone.after(100)
      },
      gone: (_key, { emit, timestamp }) => emit(['gone', timestamp]),
    },
  })
  const named = { key: string(), value: json<unknown>() }
  return job(
    'everything',
    ...[short, long, runs, recent].map((table, index) =>
      table
        .changes()
        .map((value, { key, window }) => [`${index}`, [key, window, value]], named)
        .to(out),
    ),
    pairs.map((pair, key) => ['pair', [key, pair]], named).to(out),
    silent.map((value, key) => ['silent', [key, value]], named).to(out),
    short
      .late()
      .map((value, key) => ['late', [key, value]], named)
      .to(out),
    short,
    long,
  )
}

interface Sent extends TestRecord<number> {
  readonly key: string
  readonly topic: 'left' | 'right'
}

const histories = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  records: fc.array(
    fc.record({ key: fc.nat(3), step: fc.nat(9), back: fc.oneof(fc.constant(0), fc.nat(15)), isLeft: fc.boolean() }),
    { maxLength: 40 },
  ),
})

/** The records of a history; those of a key are in one partition, and each partition begins with one at time 0. */
function sentIn({ partitions, records }: typeof histories extends fc.Arbitrary<infer T> ? T : never): Sent[] {
  let now = 0
  const first = (['left', 'right'] as const).flatMap((name) =>
    Array.from({ length: partitions }, (_, partition) => {
      return { topic: name, key: `first${partition}`, value: 1, timestamp: 0, partition }
    }),
  )
  return [
    ...first,
    ...records.map(({ key, step, back, isLeft }, index): Sent => {
      now += step
      const timestamp = Math.max(0, now - back)
      return { topic: isLeft ? 'left' : 'right', key: `k${key}`, value: index, timestamp, partition: key % partitions }
    }),
  ]
}

/** Records long after all others, in every partition: they move time, and have no other effect. */
function movers(partitions: number): Sent[] {
  return (['left', 'right'] as const).flatMap((name) =>
    Array.from({ length: partitions }, (_, partition) => {
      return { topic: name, key: 'mover', value: MOVER, timestamp: 100_000, partition }
    }),
  )
}

async function worldWith(partitions: number, sent: readonly Sent[]): Promise<JobWorld> {
  const world = await JobWorld.open()
  for (const name of TOPICS) await world.topic(name, { partitions })
  await produce(world, sent)
  return world
}

async function produce(world: JobWorld, sent: readonly Sent[]): Promise<void> {
  for (const name of ['left', 'right'] as const) {
    const records = sent.filter((each) => each.topic === name)
    await world.produce(name, left.value, records)
  }
}

async function outputs(world: JobWorld, partitions: number): Promise<string[]> {
  const all = await Promise.all(Array.from({ length: partitions }, (_, each) => world.read('out', out.value, each)))
  return all
    .flat()
    .map((record) => JSON.stringify(record))
    .sort()
}

/**
 * Runs the job in several processes, each with its own log, until all of them are at the end. One with a countdown dies at so
 * manieth commit.
 */
async function runTogether(world: JobWorld, countdowns: readonly (number | undefined)[]): Promise<void> {
  const runs = countdowns.map(async (countdown) => {
    const log = await openFileLog({ directory: world.directory, env: nodeEnv(), durability: 'os' })
    try {
      const used = countdown === undefined ? log : cutLog(log, 'after commit', countdown)
      await world.runToEnd(everything(), { ...CLOSING, log: used })
    } finally {
      await log.close()
    }
  })
  for (const outcome of await Promise.allSettled(runs)) {
    if (outcome.status === 'rejected' && !(outcome.reason instanceof Cut)) throw outcome.reason
  }
}

/** What a job makes of all records if later ones close its windows. */
async function live(partitions: number, sent: readonly Sent[]): Promise<string[]> {
  const world = await worldWith(partitions, [...sent, ...movers(partitions)])
  try {
    await world.runToEnd(everything())
    return await outputs(world, partitions)
  } finally {
    await world.close()
  }
}

/** A run that is cut off, unless it comes to its end before. */
async function runCut(world: JobWorld, { point, countdown, loseState, commitIntervalMs }: CutRun): Promise<void> {
  const options = { log: cutLog(world.log, point, countdown), guarantee: guaranteeAt(point), commitIntervalMs }
  const outcome = await world.runToEnd(everything(), { ...CLOSING, ...options }).catch((error: unknown) => error)
  if (outcome !== undefined && !(outcome instanceof Cut)) throw outcome
  if (loseState) rmSync(world.stateDirectory, { recursive: true, force: true })
}

describe('a run that closes windows', () => {
  test('gives what a live run gives once later records have closed everything, with crashes in between', async () => {
    await fc.assert(
      fc.asyncProperty(histories, cutRuns, async (history, cuts) => {
        const { partitions } = history
        const sent = sentIn(history)
        const expected = await live(partitions, sent)
        const world = await worldWith(partitions, sent)
        try {
          const exact = cuts.filter(({ point }) => point.endsWith('commit'))
          for (const cut of exact) await runCut(world, cut)
          await world.runToEnd(everything(), CLOSING)
          expect(await outputs(world, partitions)).toEqual(expected)
          await world.runToEnd(everything(), CLOSING)
          expect(await outputs(world, partitions)).toEqual(expected)
        } finally {
          await world.close()
        }
      }),
      { numRuns: trials(8) },
    )
  }, 240_000)

  test('gives the same in several processes, and if one of them dies', async () => {
    const records = Array.from({ length: 40 }, (_, index) => {
      return { key: index % 4, step: index % 7, back: 0, isLeft: index % 3 > 0 }
    })
    const sent = sentIn({ partitions: 3, records })
    const expected = await live(3, sent)
    for (const countdown of [undefined, 1, 3, 6]) {
      const world = await worldWith(3, sent)
      try {
        await runTogether(world, [countdown, undefined, undefined])
        expect(await outputs(world, 3), `cut at ${countdown}`).toEqual(expected)
      } finally {
        await world.close()
      }
    }
  }, 120_000)

  test('closes only what is there: a later run takes later records, and closes what these have opened', async () => {
    await fc.assert(
      fc.asyncProperty(histories, fc.nat(40), async (history, split) => {
        const { partitions } = history
        const sent = sentIn(history).map((each, index) => {
          return index < 2 * partitions + split ? each : { ...each, timestamp: each.timestamp + 1000 }
        })
        const expected = await live(partitions, sent)
        const first = sent.slice(0, 2 * partitions + split)
        const world = await worldWith(partitions, first)
        try {
          await runTogether(world, [undefined, undefined])
          await produce(world, sent.slice(first.length))
          await runTogether(world, [undefined, undefined])
          expect(await outputs(world, partitions)).toEqual(expected)
        } finally {
          await world.close()
        }
      }),
      { numRuns: trials(6) },
    )
  }, 240_000)

  test('ends with inputs and partitions that are empty, and with nothing at all', async () => {
    const sent: Sent[] = [3, 12, 47].map((timestamp) => {
      return { topic: 'left', key: 'a', value: timestamp, timestamp, partition: 1 }
    })
    for (const records of [sent, []]) {
      const world = await worldWith(3, records)
      const single = await worldWith(1, [...records.map((each) => ({ ...each, partition: 0 })), ...movers(1)])
      try {
        await runTogether(world, [undefined, undefined])
        await single.runToEnd(everything())
        expect(await outputs(world, 3)).toEqual(await outputs(single, 1))
      } finally {
        await world.close()
        await single.close()
      }
    }
  })

  test('leaves records late that belong to what it has closed, and no others', async () => {
    const sent = (key: string, timestamp: number): Sent => ({ topic: 'left', key, value: 1, timestamp, partition: 0 })
    const windows = stream(left)
      .groupBy(() => 'all', string())
      .window(tumbling(10, { grace: 3 }))
      .count('windows', { emit: 'final' })
    const named = { key: string(), value: json<unknown>() }
    const counted = job(
      'counted',
      windows
        .changes()
        .map((value, { window }) => ['final', [window.start, value]], named)
        .to(out),
      windows
        .late()
        .map((_value, _key, { timestamp }) => ['late', timestamp], named)
        .to(out),
    )
    const world = await worldWith(1, [sent('a', 2), sent('a', 14)])
    try {
      await world.runToEnd(counted, CLOSING)
      await produce(world, [sent('a', 15), sent('a', 21), sent('a', 19), sent('a', 22)])
      await world.runToEnd(counted, CLOSING)
      expect((await world.read('out', out.value)).map(([, value]) => value).sort()).toEqual([
        [0, 1],
        [10, 1],
        15,
        19,
        [20, 2],
      ])
    } finally {
      await world.close()
    }
  })

  test('ends with an error if timers set each other without an end', async () => {
    const beating = stream(left).process('beating', {
      value: json<number>(),
      onRecord: (_value, _key, { timers }) => timers.beat.after('7d'),
      timers: {
        beat: (_key, { emit, timers, timestamp }) => {
          timers.beat.after('7d')
          emit(timestamp)
        },
      },
    })
    const world = await worldWith(1, [{ topic: 'left', key: 'a', value: 1, timestamp: 0, partition: 0 }])
    try {
      const run = world.runToEnd(job('beating', beating.to(out)), CLOSING)
      await expect(run).rejects.toMatchObject({ code: 'CLOSING_ENDLESS', place: { step: 'process "beating"' } })
    } finally {
      await world.close()
    }
  })

  test('is refused without an end, and beside processes that do not close windows', async () => {
    const world = await worldWith(1, [])
    try {
      await expect(world.start(everything(), { closeWindows: true })).rejects.toMatchObject({ code: 'BAD_INPUT' })
      const other = await world.start(everything())
      await expect(world.start(everything(), CLOSING)).rejects.toMatchObject({ code: 'JOB_CHANGED' })
      await other.stop()
    } finally {
      await world.close()
    }
  })
})
