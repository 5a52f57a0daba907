import { rmSync } from 'node:fs'
import type { AfterFlush, TransactionalWriter } from '@millrace/core'
import { int64, job, stream, string, topic } from '@millrace/core'
import { expect, onTestFinished, test } from 'vitest'
import { passLog, withWriters } from './cut-log.ts'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: int64() })
const KEYS = 200
const GROUP_BATCH_BYTES = 1000

const perKey = stream(numbers).groupByKey().count('perKey')
const perRemainder = stream(numbers)
  .groupBy((n) => String(n % 50), string())
  .count('perRemainder')
const counting = job('counting', perKey, perRemainder)

test('commits of many batches are restored whole, by all tasks that share a changelog partition', async () => {
  const world = await openWorld(GROUP_BATCH_BYTES)
  for (const round of [1, 2, 3]) {
    await produce(world)
    await world.runToEnd(counting, { commitIntervalMs: 100_000 })
    const rows = await world.allRows(counting)
    expect(rows.get('perKey')).toEqual(new Map(keys().map((key) => [key, round])))
    expect([...(rows.get('perRemainder')?.values() ?? [])]).toEqual(Array(50).fill((round * KEYS) / 50))
    // The next round begins without the local state.
    rmSync(world.stateDirectory, { recursive: true })
    expect(await world.allRows(counting)).toEqual(rows)
    rmSync(world.stateDirectory, { recursive: true })
  }
  expect(await batchesOf(world, 'counting.changelog')).toBeGreaterThan(20)
})

test('a task commits at once when the log requests it, long before the commit interval is over', async () => {
  const world = await openWorld()
  await produce(world)
  const log = passLog(world.log)
  let flushes = 0
  const commitsAt: number[] = []
  const committed = () => {
    // Before the first slice, the job writes its catalog.
    if (flushes > 0) commitsAt.push(flushes)
  }
  log.join = withWriters(world.log, (writer) => impatient(writer, () => ++flushes, committed))
  const container = await world.start(job('counting', perKey), { log, commitIntervalMs: 1_000_000 })
  onTestFinished(() => container.stop())
  while (commitsAt.length < 2) {
    await produce(world)
    await new Promise(setImmediate)
  }
  expect(commitsAt.filter((flush) => flush % 3 !== 0)).toEqual([])
})

/** A writer that needs a flush before each append, and at every third one a commit. */
function impatient(writer: TransactionalWriter, flushed: () => number, committed: () => void): TransactionalWriter {
  const { transactionalId } = writer
  return {
    transactionalId,
    backlogged: true,
    openPartition: (name, partition) => writer.openPartition(name, partition),
    openGroup: (name, partition) => writer.openGroup(name, partition),
    flush: async (): Promise<AfterFlush> => {
      await writer.flush()
      return flushed() % 3 === 0 ? 'commit' : 'continue'
    },
    commit: async (groups, ready) => {
      const positions = await writer.commit(groups, ready)
      committed()
      return positions
    },
    abort: () => writer.abort(),
    close: () => writer.close(),
  }
}

async function openWorld(groupBatchBytesMax?: number): Promise<JobWorld> {
  const world = await JobWorld.open(groupBatchBytesMax)
  onTestFinished(() => world.close())
  await world.topic('numbers')
  return world
}

function keys(): string[] {
  return Array.from({ length: KEYS }, (_, index) => `key ${index}`)
}

function produce(world: JobWorld): Promise<void> {
  return world.produce(
    'numbers',
    int64(),
    keys().map((key, index) => ({ key, value: index, timestamp: index })),
  )
}

async function batchesOf(world: JobWorld, name: string): Promise<number> {
  const reader = world.log.openReader()
  const from = await reader.assign(name, 0, 0)
  let batches = 0
  while (from.poll() !== undefined) batches++
  await reader.close()
  return batches
}
