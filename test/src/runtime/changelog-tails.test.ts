import { cpSync, rmSync } from 'node:fs'
import { job, json, type RestoreProgress, stream, string, topic } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import type { ContainerOptions } from '@millrace/runtime'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const CHANGELOG = 'summing.changelog'
const numbers = topic('numbers', { key: string(), value: json<number>() })
const sums = stream(numbers)
  .groupByKey()
  .reduce('sums', (a, b) => a + b)
const theJob = job('summing', sums)

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('numbers')
  // A few commits fill a segment, and it is compacted.
  await world.topic(CHANGELOG, { cleanup: 'compact', segmentBytes: 1024 })
})

afterEach(() => world.close())

function produce(...values: number[]): Promise<void> {
  const records = values.map((value) => ({ key: `k${value % 3}`, value, timestamp: value }))
  return world.produce('numbers', numbers.value, records)
}

/** Runs the job to its end, and returns what it restored and reported. */
async function run(options: Partial<ContainerOptions> = {}) {
  const notices: string[] = []
  const reports: RestoreProgress[] = []
  let restored = 0
  const container = await world.start(theJob, {
    untilEnd: true,
    onNotice: (notice) => notices.push(notice),
    onRestore: (progress) => reports.push(progress),
    ...options,
  })
  container.status.subscribe(({ tasks }) => {
    restored = tasks[0]?.counts.restored ?? restored
  })
  await container.done
  return { notices, reports, restored }
}

/** A transaction on the changelog that is aborted: its records and the marker that ends it stay, and no reader gets them. */
async function abortedTransaction(records: number): Promise<void> {
  const writer = await world.log.openTransactionalWriter('given-up')
  const to = await writer.openPartition(CHANGELOG, 0)
  for (let index = 0; index < records; index++) write(to, `sums\0k${index % 3}`, 'x'.repeat(100))
  await writer.flush()
  await writer.abort()
  await writer.close()
}

describe('a changelog that ends in records that no reader shows', () => {
  for (const [tail, compact] of [
    ['an aborted transaction', false],
    ['the marker of one whose records were compacted away', true],
  ] as const) {
    test(`${tail}, is restored to its end each time, and costs nothing once local state is there`, async () => {
      await produce(1, 2, 3)
      await run()
      await abortedTransaction(30)
      if (compact) {
        await abortedTransaction(1)
        await world.log.admin.clean(CHANGELOG)
      }
      const { end } = await world.log.admin.offsets(CHANGELOG, 0)
      for (let round = 0; round < 3; round++) {
        rmSync(world.stateDirectory, { recursive: true })
        const { reports, restored } = await run()
        expect(reports.at(-1)).toMatchObject({ done: end, total: end })
        expect(restored).toBeGreaterThan(0)
        // The local state is kept, however much of the tail the job skips.
        expect(await run()).toMatchObject({ notices: [], restored: 0 })
      }
      await produce(4)
      await run()
      expect(await world.rows(theJob, 'sums')).toEqual(
        new Map([
          ['k0', 3],
          ['k1', 5],
          ['k2', 2],
        ]),
      )
    })
  }
})

test('local state that stands before what compaction has left of its changelog is rebuilt', async () => {
  await produce(1, 2, 3)
  await run()
  const old = `${world.directory}/old-state`
  cpSync(world.stateDirectory, old, { recursive: true })
  // The job continues with another state directory, until the changelog has nothing left of the group with which the old state
  // ends.
  const values = Array.from({ length: 40 }, (_, index) => index)
  for (const value of values) {
    await produce(value)
    await run()
  }
  await world.log.admin.clean(CHANGELOG)
  const { notices } = await run({ stateDirectory: old })
  expect(notices.join('\n')).toMatch(
    /rebuilt its local state: the commit before offset \d+ in summing\.changelog\/0 is not the last one/,
  )
  const totals = new Map<string, number>()
  for (const value of [1, 2, 3, ...values]) totals.set(`k${value % 3}`, (totals.get(`k${value % 3}`) ?? 0) + value)
  rmSync(world.stateDirectory, { recursive: true })
  cpSync(old, world.stateDirectory, { recursive: true })
  expect(await world.rows(theJob, 'sums')).toEqual(totals)
})
